//! What was done in all.

use super::{Blow, Matrix};
use crate::proxy::Cut;

use super::End;

/// Counts over the rounds of a torture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Rounds whose sink speaks transaction.version 2.
    pub rounds_v2: u64,
    /// Rounds whose sink speaks transaction.version 0.
    pub rounds_v1: u64,
    /// Workers killed with -9.
    pub kills: u64,
    /// Workers paused past the session.
    pub pauses: u64,
    /// Those of them that found out, after they were continued, that the group had gone on without them.
    pub zombies: u64,
    /// Brokers killed with -9 and started again.
    pub broker_kills: u64,
    /// Brokers stopped in order and started again.
    pub broker_stops: u64,
    /// Blows whose worker did not come into the wanted state in time; nothing was done then.
    pub missed: u64,
    /// Workers that were started, could not reach a cluster, said so and ended.
    pub gave_up: u64,
    /// Records that the verifier matched, all topics.
    pub records: u64,
    /// Records of the sources that are missing in the sinks.
    pub lost: u64,
    /// Records that are in the sinks more often than in the sources.
    pub doubled: u64,
    /// Records that changed their place.
    pub reordered: u64,
    /// Faults by what the worker was doing.
    pub states: Matrix,
    /// What was done to frames, by request.
    pub frames: Matrix,
}

impl Tally {
    /// Of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rounds_v2: 0,
            rounds_v1: 0,
            kills: 0,
            pauses: 0,
            zombies: 0,
            broker_kills: 0,
            broker_stops: 0,
            missed: 0,
            gave_up: 0,
            records: 0,
            lost: 0,
            doubled: 0,
            reordered: 0,
            states: Matrix::of_states(),
            frames: Matrix::of_frames(),
        }
    }

    /// Brokers restarted, one way or the other.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.broker_kills + self.broker_stops
    }

    /// Cuts of the network between a worker and an end.
    #[must_use]
    pub fn cuts(&self, way: Option<Cut>) -> u64 {
        let rows: Vec<String> = [Cut::Both, Cut::ToBroker, Cut::FromBroker]
            .into_iter()
            .filter(|cut| way.is_none_or(|way| way == *cut))
            .flat_map(|cut| [End::Source, End::Sink].map(|end| Blow::Cut(end, cut).to_string()))
            .collect();
        self.states.sum(|row, _| rows.iter().any(|known| known == row))
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}
