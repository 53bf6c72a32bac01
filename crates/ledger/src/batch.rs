//! What a batch brings.

use std::collections::BTreeMap;

use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{BatchId, SourcePosition, SplitId};
use velostream_record_id::TrackerKey;

/// A batch that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number: one more than the last that was begun.
    pub batch: BatchId,
    /// Positions that become committed with it; splits that it did not touch may be left out.
    pub next_positions: BTreeMap<SplitId, SourcePosition>,
    /// Ids of its records, in any order. Empty where positions are the ids.
    pub record_ids: Vec<TrackerKey>,
}

/// A batch that is done, with what travels in the same round trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The batch.
    pub batch: BatchId,
    /// The next batch, which begins with this commit.
    pub begin: Option<Batch>,
    /// A checkpoint that becomes the newest with this commit.
    pub checkpoint: Option<ProcessingCheckpoint>,
}

impl Commit {
    /// A commit with nothing else.
    #[must_use]
    pub const fn of(batch: BatchId) -> Self {
        Self { batch, begin: None, checkpoint: None }
    }

    /// Begins the next batch in the same round trip.
    #[must_use]
    pub fn and_begin(mut self, next: Batch) -> Self {
        self.begin = Some(next);
        self
    }

    /// Saves a checkpoint in the same round trip.
    #[must_use]
    pub fn and_save(mut self, checkpoint: ProcessingCheckpoint) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }
}
