//! Failures, and the end of the lane.

use velostream_core::{Disposition, mutant};

use super::assignment::{acknowledge, claim};
use super::transaction::{commit, confirm, open};
use crate::job::{During, Effect, Phase, State};

pub(super) fn failed(mut state: State, during: During, disposition: Disposition) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match disposition {
        Disposition::Reject | Disposition::Corrupt => return fail(state),
        Disposition::Fenced => {
            revoke(&mut state, &mut effects);
            let open = matches!(state.phase, Phase::Open(_) | Phase::Committing(_));
            if open && matches!(during, During::Read | During::Take | During::Remember) {
                // The sink has not refused anything and so has rolled nothing back.
                effects.push(Effect::Abort);
            }
            state.phase = Phase::Superseded;
            acknowledge(&state, &mut effects);
            if state.stopping {
                finish(&mut state, &mut effects);
            }
        }
        Disposition::Retry | Disposition::Reconcile | Disposition::Abort => {
            state.failures = state.failures.saturating_add(1);
            if during == During::Read {
                // Reading has no effect on the sink: what is open stays open and is committed in time.
                effects.push(Effect::Pause { failures: state.failures });
                return (state, effects);
            }
            revoke(&mut state, &mut effects);
            state.phase = Phase::Resetting;
            if state.stopping {
                // The next owner's claim settles what stands; stopping must not wait for a sink that is away.
                finish(&mut state, &mut effects);
            } else {
                effects.push(Effect::Pause { failures: state.failures });
                if mutant!(DoubtWithoutReset) {
                    claim(&mut state, &mut effects);
                } else {
                    effects.push(Effect::Reset);
                }
            }
        }
    }
    (state, effects)
}

pub(super) fn stop(mut state: State) -> (State, Vec<Effect>) {
    state.stopping = true;
    let mut effects = Vec::new();
    match &state.phase {
        Phase::Open(_) => commit(&mut state, &mut effects, true),
        Phase::Ready if !state.held && state.owned.values().any(|o| o.advanced.is_some()) => {
            let open = open(&mut state, &mut effects);
            state.phase = Phase::Open(open);
            commit(&mut state, &mut effects, true);
        }
        Phase::Ready => {
            confirm(&mut state, &mut effects);
            finish(&mut state, &mut effects);
        }
        Phase::Unassigned | Phase::Rebuilding(_) | Phase::Resetting | Phase::Superseded => {
            finish(&mut state, &mut effects)
        }
        // An answer is on its way; it brings the lane to an end.
        Phase::Claiming | Phase::Recovering | Phase::Committing(_) | Phase::Stopped => {}
    }
    (state, effects)
}

pub(super) fn revoke(state: &mut State, effects: &mut Vec<Effect>) {
    state.offer = None;
    if !state.owned.is_empty() {
        effects.push(Effect::Revoke(state.owned.keys().cloned().collect()));
        state.owned.clear();
    }
}

/// The reader ends with its driver; asking it to let go could only fail.
pub(super) fn finish(state: &mut State, effects: &mut Vec<Effect>) {
    state.offer = None;
    state.owned.clear();
    state.phase = Phase::Stopped;
    effects.push(Effect::Finish);
}

pub(super) fn fail(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    state.offer = None;
    state.owned.clear();
    if matches!(state.phase, Phase::Open(_)) {
        effects.push(Effect::Abort);
    }
    state.phase = Phase::Stopped;
    effects.push(Effect::Fail);
    (state, effects)
}
