//! Sizes of a ledger.

use std::time::Duration;

/// Settings of a ledger. All workers of a job use the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerConfig {
    /// Width of a time bucket of ids, the unit in which they expire. Default 1 hour: 24 buckets in the default window.
    pub bucket_width: Duration,
    /// Checkpoints kept. Default 3: the newest, and two to fall back to where it is damaged.
    pub checkpoint_slots: usize,
    /// Most ids in a chunk. Default 8,192, 128 KiB: below the item size of every backend (DynamoDB 400 KB).
    pub ids_per_chunk: usize,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { bucket_width: Duration::from_secs(3600), checkpoint_slots: 3, ids_per_chunk: 8192 }
    }
}
