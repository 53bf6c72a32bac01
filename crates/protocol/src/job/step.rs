//! The one door: every decision of a lane is made here and, by what it is about, in the modules below.

mod assignment;
mod end;
mod rebuild;
mod transaction;

use velostream_core::{Disposition, Phase as Membership, mutant};

use super::{During, Effect, Event, Phase, State};

/// Takes one fact and says what to do. Total: a fact that does not fit the phase is stale and changes nothing.
#[must_use]
pub fn step(state: State, event: Event) -> (State, Vec<Effect>) {
    if state.phase == Phase::Stopped {
        let effects = match event {
            // The sink has it; whoever claims next finds that out and confirms.
            Event::Failed {
                during: During::Confirm,
                disposition:
                    Disposition::Retry | Disposition::Reconcile | Disposition::Abort | Disposition::Fenced,
            } => vec![Effect::Finish],
            // The last roll-back failed and took `Fail` along: the lane must end all the same.
            Event::Failed { .. } => vec![Effect::Fail],
            _ => Vec::new(),
        };
        return (state, effects);
    }
    match event {
        Event::Assigned { version, .. } if version <= state.version => (state, Vec::new()),
        Event::Assigned { version, phase: Membership::Rejoining, .. } => {
            assignment::rejoining(state, version)
        }
        Event::Assigned { version, phase, splits } => {
            let lost = phase == Membership::Lost;
            let splits = if lost && !mutant!(LossKeepsSplits) { Vec::new() } else { splits };
            assignment::assigned(State { lost, ..state }, version, splits)
        }
        Event::Claimed(claims) => assignment::claimed(state, claims),
        Event::Recovered(missing) => rebuild::recovered(state, missing),
        Event::Chunk { split, from, next, records, bytes } => {
            transaction::chunk(state, &split, &from, next, records, bytes)
        }
        Event::Taken => transaction::taken(state),
        Event::Held => transaction::held(state),
        Event::Advance { split, next } => transaction::advance(state, &split, next),
        Event::Gap { split, next } => transaction::gap(state, &split, next),
        Event::Ended(split) => transaction::ended(state, &split),
        Event::Idle => transaction::idle(state),
        Event::Due => transaction::due(state),
        Event::Committed => transaction::committed(state),
        Event::ResetDone => assignment::reset_done(state),
        Event::Failed { during, disposition } => end::failed(state, during, disposition),
        Event::Stop => end::stop(state),
    }
}
