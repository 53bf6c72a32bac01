//! The one door: every decision of a lane is made here.

mod rebuild;

use velostream_core::{
    AssignmentVersion, BatchId, Claim, Disposition, Phase as Membership, Progress, SourcePosition, SplitId,
    mutant,
};

use super::{During, Effect, Event, Owned, Phase, State, Transaction};

/// Takes one fact and says what to do. Total: a fact that does not fit the phase is stale and changes nothing.
#[must_use]
pub fn step(state: State, event: Event) -> (State, Vec<Effect>) {
    if state.phase == Phase::Stopped {
        // The last roll-back failed and took `Fail` along: the lane must end all the same.
        let effects = if matches!(event, Event::Failed { .. }) { vec![Effect::Fail] } else { Vec::new() };
        return (state, effects);
    }
    match event {
        Event::Assigned { version, .. } if version <= state.version => (state, Vec::new()),
        Event::Assigned { version, phase: Membership::Rejoining, .. } => rejoining(state, version),
        Event::Assigned { version, phase, splits } => {
            let lost = phase == Membership::Lost;
            let splits = if lost && !mutant!(LossKeepsSplits) { Vec::new() } else { splits };
            assigned(State { lost, ..state }, version, splits)
        }
        Event::Claimed(claims) => claimed(state, claims),
        Event::Recovered(missing) => rebuild::recovered(state, missing),
        Event::Chunk { split, from, next, records, bytes } => {
            chunk(state, &split, &from, next, records, bytes)
        }
        Event::Advance { split, next } => advance(state, &split, next),
        Event::Gap { split, next } => gap(state, &split, next),
        Event::Ended(split) => ended(state, &split),
        Event::Idle => idle(state),
        Event::Due => due(state),
        Event::Committed => committed(state),
        Event::ResetDone => reset_done(state),
        Event::Failed { during, disposition } => failed(state, during, disposition),
        Event::Stop => stop(state),
    }
}

/// The generation still stands, so what is open can still be committed; a commit after it would be refused.
fn rejoining(mut state: State, version: AssignmentVersion) -> (State, Vec<Effect>) {
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

fn assigned(mut state: State, version: AssignmentVersion, splits: Vec<SplitId>) -> (State, Vec<Effect>) {
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

/// Membership waits for this after a loss, and for a moment before it joins again. Where the roll-back failed, the acknowledgement behind it was dropped, so
/// that it is given (again) as soon as the old identity is fenced or superseded.
fn acknowledge(state: &State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Acknowledge(state.version));
}

/// Every split is claimed again in every generation: a claim costs milliseconds, and a `released` of an earlier
/// generation can then never be taken for a current one.
fn claim(state: &mut State, effects: &mut Vec<Effect>) {
    if state.stopping {
        finish(state, effects);
    } else if state.splits.is_empty() {
        state.phase = Phase::Unassigned;
    } else {
        state.phase = Phase::Claiming;
        effects.push(Effect::Claim { splits: state.splits.clone() });
    }
}

fn claimed(mut state: State, claims: Vec<Claim>) -> (State, Vec<Effect>) {
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

fn ready(state: &mut State, effects: &mut Vec<Effect>) {
    state.phase = Phase::Ready;
    effects.push(Effect::Assign(
        state.owned.iter().map(|(split, owned)| (split.clone(), owned.committed.clone())).collect(),
    ));
}

fn chunk(
    mut state: State,
    split: &SplitId,
    from: &SourcePosition,
    next: SourcePosition,
    records: u64,
    bytes: u64,
) -> (State, Vec<Effect>) {
    let Some(expected) = state.expected(split) else { return (state, Vec::new()) };
    if !state.wants_input() {
        return (state, Vec::new());
    }
    let forward = matches!(from.order(&next), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal));
    let touches = expected.order(from) == Some(std::cmp::Ordering::Equal) || mutant!(ChunkGapAccepted);
    if !touches || !forward {
        // A gap or an overlap of the reader must never be committed as if it were continuous.
        return fail(state);
    }
    if matches!(state.phase, Phase::Rebuilding(_)) {
        return rebuild::read(state, split, next);
    }
    let mut effects = Vec::new();
    let mut open = open(&mut state, &mut effects);
    open.touched.insert(split.clone(), next);
    open.bytes = open.bytes.saturating_add(bytes);
    open.records = open.records.saturating_add(records);
    effects.push(Effect::Write);
    let full = open.bytes >= state.limits.max_bytes && !mutant!(TransactionNeverFull);
    state.phase = Phase::Open(open);
    if full {
        commit(&mut state, &mut effects, false);
    }
    (state, effects)
}

/// The open transaction, or a new one that carries along every position that advanced without data.
fn open(state: &mut State, effects: &mut Vec<Effect>) -> Transaction {
    if let Phase::Open(open) = &mut state.phase {
        return std::mem::take(open);
    }
    effects.push(Effect::Begin);
    let mut new = Transaction::default();
    for (split, owned) in &mut state.owned {
        if let Some(next) = owned.advanced.take() {
            new.touched.insert(split.clone(), next);
        }
    }
    new
}

fn advance(mut state: State, split: &SplitId, next: SourcePosition) -> (State, Vec<Effect>) {
    let Some(expected) = state.expected(split) else { return (state, Vec::new()) };
    if !state.wants_input() {
        return (state, Vec::new());
    }
    if !matches!(expected.order(&next), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
        return fail(state);
    }
    if matches!(state.phase, Phase::Rebuilding(_)) {
        return rebuild::read(state, split, next);
    }
    move_to(&mut state, split, next);
    (state, Vec::new())
}

/// Records were lost in the source. Where others took their offsets, reading goes on in front of the position; what was
/// delivered of the lost ones stays.
fn gap(mut state: State, split: &SplitId, next: SourcePosition) -> (State, Vec<Effect>) {
    let Some(expected) = state.expected(split) else { return (state, Vec::new()) };
    if !state.wants_input() {
        return (state, Vec::new());
    }
    if expected.order(&next).is_none() || matches!(state.phase, Phase::Rebuilding(_)) {
        return fail(state);
    }
    if let Some(owned) = state.owned.get_mut(split) {
        owned.gap = true;
    }
    move_to(&mut state, split, next);
    (state, Vec::new())
}

/// A position without data: into the open transaction, or to be carried along by the next one.
fn move_to(state: &mut State, split: &SplitId, next: SourcePosition) {
    if let Phase::Open(open) = &mut state.phase {
        open.touched.insert(split.clone(), next);
    } else if let Some(owned) = state.owned.get_mut(split) {
        owned.advanced = Some(next);
    }
}

fn ended(mut state: State, split: &SplitId) -> (State, Vec<Effect>) {
    if let Phase::Rebuilding(missing) = &state.phase {
        // Its end cannot lie in front of what was delivered of it.
        return if missing.contains_key(split) { fail(state) } else { (state, Vec::new()) };
    }
    if let Some(owned) = state.owned.get_mut(split) {
        owned.ended = true;
    }
    let mut effects = Vec::new();
    if state.all_ended() {
        // Nothing more can come into this transaction: waiting for its age would only delay the end.
        commit(&mut state, &mut effects, false);
    }
    (state, effects)
}

/// Idle is a position too: it is committed, so that retention cannot turn a caught-up position into a gap.
fn idle(mut state: State) -> (State, Vec<Effect>) {
    let advanced = state.owned.values().any(|o| o.advanced.is_some());
    let mut effects = Vec::new();
    if state.phase != Phase::Ready || !advanced || state.held || mutant!(IdlePositionKept) {
        if state.phase == Phase::Ready {
            confirm(&mut state, &mut effects);
        }
        return (state, effects);
    }
    let open = open(&mut state, &mut effects);
    state.phase = Phase::Open(open);
    commit(&mut state, &mut effects, false);
    (state, effects)
}

fn due(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if matches!(state.phase, Phase::Open(_)) {
        commit(&mut state, &mut effects, false);
    }
    (state, effects)
}

fn commit(state: &mut State, effects: &mut Vec<Effect>, released: bool) {
    let Phase::Open(open) = &mut state.phase else { return };
    let open = std::mem::take(open);
    let progress = open
        .touched
        .iter()
        .map(|(split, next)| Progress {
            split: split.clone(),
            next: next.clone(),
            batch: state.owned.get(split).map_or(BatchId(0), |o| o.batch).next(),
            released,
        })
        .collect::<Vec<_>>();
    if state.tracked && !mutant!(CommitBeforeRemember) {
        effects.push(Effect::Remember(progress.clone()));
        // It carries the confirmation of the batch before along; the new one is not committed yet.
        state.unconfirmed = mutant!(RememberedIsConfirmed);
    }
    effects.push(Effect::Commit(progress));
    if mutant!(PositionBeforeCommitted) {
        for (split, next) in &open.touched {
            state.owned.entry(split.clone()).and_modify(|o| o.committed = next.clone());
        }
    }
    state.phase = Phase::Committing(open);
}

fn committed(mut state: State) -> (State, Vec<Effect>) {
    let Phase::Committing(transaction) = &mut state.phase else { return (state, Vec::new()) };
    for (split, next) in std::mem::take(&mut transaction.touched) {
        if let Some(owned) = state.owned.get_mut(&split) {
            owned.committed = next;
            owned.gap = false;
            owned.batch = owned.batch.next();
        }
    }
    state.failures = 0;
    state.unconfirmed = state.tracked;
    state.phase = Phase::Ready;
    let mut effects = Vec::new();
    if state.held {
        acknowledge(&state, &mut effects);
    }
    if state.stopping {
        confirm(&mut state, &mut effects);
        finish(&mut state, &mut effects);
    }
    (state, effects)
}

/// Not needed for what is claimed again: there the sink's position says the same.
fn confirm(state: &mut State, effects: &mut Vec<Effect>) {
    if std::mem::take(&mut state.unconfirmed) {
        effects.push(Effect::Confirm);
    }
}

fn reset_done(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if state.phase == Phase::Resetting {
        acknowledge(&state, &mut effects);
        claim(&mut state, &mut effects);
    }
    (state, effects)
}

fn failed(mut state: State, during: During, disposition: Disposition) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match disposition {
        Disposition::Reject | Disposition::Corrupt => return fail(state),
        Disposition::Fenced => {
            revoke(&mut state, &mut effects);
            let open = matches!(state.phase, Phase::Open(_) | Phase::Committing(_));
            if open && matches!(during, During::Read | During::Remember) {
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

fn stop(mut state: State) -> (State, Vec<Effect>) {
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

fn revoke(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.owned.is_empty() {
        effects.push(Effect::Revoke(state.owned.keys().cloned().collect()));
        state.owned.clear();
    }
}

/// The reader ends with its driver; asking it to let go could only fail.
fn finish(state: &mut State, effects: &mut Vec<Effect>) {
    state.owned.clear();
    state.phase = Phase::Stopped;
    effects.push(Effect::Finish);
}

fn fail(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    state.owned.clear();
    if matches!(state.phase, Phase::Open(_)) {
        effects.push(Effect::Abort);
    }
    state.phase = Phase::Stopped;
    effects.push(Effect::Fail);
    (state, effects)
}
