//! What a batch brings.

use std::collections::BTreeMap;

use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{BatchId, SourcePosition, SplitId};
use velostream_record_id::TrackerKey;

use crate::Dating;

/// A batch that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number: one more than the last that was begun.
    pub batch: BatchId,
    /// Positions that become committed with it; splits that it did not touch may be left out.
    pub next_positions: BTreeMap<SplitId, SourcePosition>,
    /// Ids of its records. Empty where positions are the ids.
    pub record_ids: BatchIds,
}

/// Latest time that an id can have, in milliseconds since the Unix epoch: what 48 bits hold, the year 10889.
pub const MAX_TIME_MS: i64 = (1 << 48) - 1;

/// Ids of the records of a batch, in any order, and what dates them. All batches of a task are dated alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchIds {
    /// All by when they are handed over.
    Arrived(Vec<TrackerKey>),
    /// Each by a time of its own in milliseconds since the Unix epoch, from 0 to [`MAX_TIME_MS`]; what is outside is taken
    /// for the nearest of the two. Where an id is there twice, its later time counts.
    Dated(Vec<(TrackerKey, i64)>),
}

impl BatchIds {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Arrived(ids) => ids.len(),
            Self::Dated(ids) => ids.len(),
        }
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How these ids are dated, with the latest of their own times.
    pub(crate) fn dating(&self) -> Dating {
        match self {
            Self::Arrived(_) => Dating::Arrival,
            Self::Dated(ids) => {
                Dating::Event { latest_ms: ids.iter().map(|(_, at_ms)| (*at_ms).clamp(0, MAX_TIME_MS)).max() }
            }
        }
    }

    /// Ascending, each id once.
    pub(crate) fn sorted(self) -> Self {
        match self {
            Self::Arrived(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                Self::Arrived(ids)
            }
            Self::Dated(mut ids) => {
                for (_, at_ms) in &mut ids {
                    *at_ms = (*at_ms).clamp(0, MAX_TIME_MS);
                }
                ids.sort_unstable();
                ids.dedup_by(|(id, at_ms), (kept, kept_ms)| {
                    let again = id == kept;
                    if again {
                        *kept_ms = *at_ms;
                    }
                    again
                });
                Self::Dated(ids)
            }
        }
    }
}

impl From<Vec<TrackerKey>> for BatchIds {
    fn from(ids: Vec<TrackerKey>) -> Self {
        Self::Arrived(ids)
    }
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
