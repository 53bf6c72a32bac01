//! What a lane shows of itself.

use serde::Serialize;
use velostream_protocol::job::{Phase, State};

/// One split as shown by `/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitStatus {
    /// Split.
    pub split: String,
    /// Committed position, next to be read.
    pub position: String,
    /// Number of the last committed delivery.
    pub batch: u64,
}

/// One lane as shown by `/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct LaneStatus {
    /// Phase of the job machine, in snake case.
    pub phase: &'static str,
    /// Version of the assignment in use.
    pub assignment: u64,
    /// Claimed splits.
    pub splits: Vec<SplitStatus>,
    /// Records behind what was read, where the source can tell.
    pub lag_records: Option<u64>,
    /// Nothing is left to do for a bounded job.
    #[serde(skip)]
    pub quiet: bool,
}

impl LaneStatus {
    /// Takes over what changed; false where nothing did.
    pub(crate) fn update(&mut self, state: &State, lag_records: Option<u64>) -> bool {
        let new = Self {
            phase: phase_name(&state.phase),
            assignment: state.version.0,
            splits: state
                .owned
                .iter()
                .map(|(split, owned)| SplitStatus {
                    split: split.to_string(),
                    position: owned.committed.to_string(),
                    batch: owned.batch.0,
                })
                .collect(),
            lag_records,
            quiet: state.is_quiet(),
        };
        let changed = *self != new;
        *self = new;
        changed
    }
}

const fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Unassigned => "unassigned",
        Phase::Claiming => "claiming",
        Phase::Recovering => "recovering",
        Phase::Rebuilding(_) => "rebuilding",
        Phase::Ready => "ready",
        Phase::Open(_) => "open",
        Phase::Committing(_) => "committing",
        Phase::Resetting => "resetting",
        Phase::Superseded => "superseded",
        Phase::Stopped => "stopped",
    }
}
