//! What is read goes into a transaction, and when that is committed.

use velostream_core::{BatchId, Progress, SourcePosition, SplitId, mutant};

use super::assignment::acknowledge;
use super::end::{fail, finish};
use super::rebuild;
use crate::job::{Effect, Offer, Phase, State, Transaction};

pub(super) fn chunk(
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
    let offer = Offer { split: split.clone(), next, records, bytes };
    if state.shared && !mutant!(WriteBeforeTake) {
        state.offer = Some(offer);
        return (state, vec![Effect::Take]);
    }
    write(state, offer)
}

/// The ids of the chunk in hand are there.
pub(super) fn taken(mut state: State) -> (State, Vec<Effect>) {
    match state.offer.take() {
        Some(offer) => write(state, offer),
        None => (state, Vec::new()),
    }
}

fn write(mut state: State, offer: Offer) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    let mut open = open(&mut state, &mut effects);
    open.touched.insert(offer.split, offer.next);
    open.bytes = open.bytes.saturating_add(offer.bytes);
    open.records = open.records.saturating_add(offer.records);
    effects.push(Effect::Write);
    let full = open.bytes >= state.limits.max_bytes && !mutant!(TransactionNeverFull);
    state.phase = Phase::Open(open);
    if full {
        commit(&mut state, &mut effects, false);
    }
    (state, effects)
}

pub(super) fn advance(mut state: State, split: &SplitId, next: SourcePosition) -> (State, Vec<Effect>) {
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
pub(super) fn gap(mut state: State, split: &SplitId, next: SourcePosition) -> (State, Vec<Effect>) {
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

pub(super) fn ended(mut state: State, split: &SplitId) -> (State, Vec<Effect>) {
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
pub(super) fn idle(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if state.offer.is_some() {
        // Nothing new is begun while the membership is about to change.
        if state.phase == Phase::Ready && !state.held {
            effects.push(Effect::Take);
        }
        return (state, effects);
    }
    let advanced = state.owned.values().any(|o| o.advanced.is_some());
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

/// Whoever waits for ids must hold none, so that no two jobs wait for each other.
pub(super) fn held(state: State) -> (State, Vec<Effect>) {
    if mutant!(HolderWaits) { (state, Vec::new()) } else { due(state) }
}

pub(super) fn due(mut state: State) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if matches!(state.phase, Phase::Open(_)) {
        commit(&mut state, &mut effects, false);
    }
    (state, effects)
}

/// The open transaction, or a new one that carries along every position that advanced without data.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) -> Transaction {
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

pub(super) fn commit(state: &mut State, effects: &mut Vec<Effect>, released: bool) {
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

pub(super) fn committed(mut state: State) -> (State, Vec<Effect>) {
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
pub(super) fn confirm(state: &mut State, effects: &mut Vec<Effect>) {
    if std::mem::take(&mut state.unconfirmed) {
        effects.push(Effect::Confirm);
    }
}
