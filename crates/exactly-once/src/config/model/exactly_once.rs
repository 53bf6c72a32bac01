//! How records are delivered.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::{duration, size};

/// How records are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExactlyOnceConfig {
    /// Whether record batches go on compressed as they are. Default `auto`.
    #[garde(skip)]
    pub pass_through: PassThrough,
    /// What identifies a record. Default `source_position`.
    #[garde(skip)]
    pub record_id_strategy: RecordIds,
    /// When a transaction ends.
    #[garde(dive)]
    pub transaction: TransactionConfig,
}

/// Whether record batches go on compressed as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PassThrough {
    /// Wherever nothing must look inside.
    #[default]
    Auto,
    /// Every batch is decoded and encoded; for comparison only.
    Off,
}

/// What identifies a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordIds {
    /// Its place in the source. The committed position is the set of all delivered ids: nothing else is stored.
    #[default]
    SourcePosition,
}

/// When a transaction ends: at whichever bound comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TransactionConfig {
    /// Age at which it is committed. An open transaction hides data from every read_committed reader. Default 200 ms.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(600))))]
    pub max_interval: Duration,
    /// Size at which it is committed; what a transaction costs the sink is shared by more records where it is large. Default 32 MiB.
    #[serde(with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub max_bytes: u64,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self { max_interval: Duration::from_millis(200), max_bytes: 32 << 20 }
    }
}
