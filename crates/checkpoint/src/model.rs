//! What a checkpoint says.

use std::collections::BTreeMap;
use std::fmt;

use velostream_core::{BatchId, Epoch, Nonce, SourcePosition, SplitId};

/// Version of the model that this release writes.
pub const SCHEMA_VERSION: u16 = 1;

/// Number of a checkpoint inside its task; grows, starts at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CheckpointId(pub u64);

impl CheckpointId {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of consecutive id chunks of one owner in one time bucket, by reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdChunks {
    /// Time bucket, by its last millisecond since the Unix epoch.
    pub bucket: u64,
    /// Epoch of the owner that wrote them.
    pub epoch: Epoch,
    /// Nonce of the owner that wrote them.
    pub nonce: Nonce,
    /// Number of the first chunk.
    pub first: u64,
    /// Number of the last chunk.
    pub last: u64,
    /// Ids in all of them.
    pub records: u64,
}

/// A batch that was begun and neither committed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveBatch {
    /// Its number.
    pub batch: BatchId,
    /// Positions that become committed with it.
    pub next_positions: BTreeMap<SplitId, SourcePosition>,
    /// Its ids.
    pub record_ids: Vec<IdChunks>,
}

/// A consistent picture of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessingCheckpoint {
    /// Its number.
    pub checkpoint_id: CheckpointId,
    /// Position next to be read, by split.
    pub source_positions: BTreeMap<SplitId, SourcePosition>,
    /// Ids that count as processed.
    pub processed_record_ids: Vec<IdChunks>,
    /// Batches whose outcome was open.
    pub active_batches: Vec<ActiveBatch>,
    /// When it was taken, in milliseconds since the Unix epoch; for people, nothing is decided by it.
    pub timestamp_ms: i64,
    /// Event-time watermark in milliseconds since the Unix epoch, by split.
    pub watermarks: BTreeMap<SplitId, i64>,
    /// Version of the model it was written with.
    pub schema_version: u16,
}

impl ProcessingCheckpoint {
    /// An empty checkpoint of the current schema.
    #[must_use]
    pub const fn new(checkpoint_id: CheckpointId, timestamp_ms: i64) -> Self {
        Self {
            checkpoint_id,
            source_positions: BTreeMap::new(),
            processed_record_ids: Vec::new(),
            active_batches: Vec::new(),
            timestamp_ms,
            watermarks: BTreeMap::new(),
            schema_version: SCHEMA_VERSION,
        }
    }
}
