//! Splits that come and go: letting go, claiming, being ready.

use velostream_core::{AssignmentVersion, Claim, SplitId, mutant};

use super::end::{finish, revoke};
use super::transaction::{commit, confirm};
use crate::job::{Effect, Owned, Phase, State};

/// The generation still stands, so what is open can still be committed; a commit after it would be refused.
pub(super) fn rejoining(mut state: State, version: AssignmentVersion) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    state.version = version;
    state.held = true;
    if matches!(state.phase, Phase::Open(_)) && !mutant!(RejoinBeforeCommit) {
        commit(&mut state, &mut effects, false);
    } else {
        acknowledge(&state, &mut effects);
    }
    (state, effects)
}

pub(super) fn assigned(
    mut state: State,
    version: AssignmentVersion,
    splits: Vec<SplitId>,
) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    revoke(&mut state, &mut effects);
    if matches!(state.phase, Phase::Open(_) | Phase::Committing(_)) && !mutant!(LossKeepsTransaction) {
        // The generation has moved already, so a commit could only be refused.
        effects.push(Effect::Abort);
    }
    state.version = version;
    acknowledge(&state, &mut effects);
    state.splits = splits;
    state.held = false;
    if state.phase == Phase::Resetting {
        effects.push(Effect::Reset);
    } else {
        claim(&mut state, &mut effects);
    }
    (state, effects)
}

/// Membership waits for this after a loss, and for a moment before it joins again. Where the roll-back failed, the
/// acknowledgement behind it was dropped, so that it is given (again) as soon as the old identity is fenced or
/// superseded.
pub(super) fn acknowledge(state: &State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Acknowledge(state.version));
}

/// Every split is claimed again in every generation: a claim costs milliseconds, and a `released` of an earlier
/// generation can then never be taken for a current one.
pub(super) fn claim(state: &mut State, effects: &mut Vec<Effect>) {
    if state.stopping {
        finish(state, effects);
    } else if state.splits.is_empty() {
        state.phase = Phase::Unassigned;
    } else {
        state.phase = Phase::Claiming;
        effects.push(Effect::Claim { splits: state.splits.clone() });
    }
}

pub(super) fn claimed(mut state: State, claims: Vec<Claim>) -> (State, Vec<Effect>) {
    if state.phase != Phase::Claiming {
        return (state, Vec::new());
    }
    if state.stopping {
        let mut effects = Vec::new();
        finish(&mut state, &mut effects);
        return (state, effects);
    }
    state.owned = claims
        .iter()
        .map(|c| {
            let (committed, batch) = (c.position.clone(), c.batch);
            (c.split.clone(), Owned { committed, batch, advanced: None, gap: false, ended: false })
        })
        .collect();
    let mut effects = Vec::new();
    if state.tracked && !mutant!(ClaimWithoutRecovery) {
        // What this lane saw committed is certain also for splits that it does not have any more.
        confirm(&mut state, &mut effects);
        state.phase = Phase::Recovering;
        effects.push(Effect::Recover(claims));
    } else {
        ready(&mut state, &mut effects);
    }
    (state, effects)
}

pub(super) fn ready(state: &mut State, effects: &mut Vec<Effect>) {
    state.phase = Phase::Ready;
    effects.push(Effect::Assign(
        state.owned.iter().map(|(split, owned)| (split.clone(), owned.committed.clone())).collect(),
    ));
}

pub(super) fn reset_done(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if state.phase == Phase::Resetting {
        acknowledge(&state, &mut effects);
        claim(&mut state, &mut effects);
    }
    (state, effects)
}
