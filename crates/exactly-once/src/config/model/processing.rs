//! What happens around the data path: retries and bounds.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::{duration, size};

/// What happens around the data path: retries and bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JobProcessingConfig {
    /// Pause after the first failure; doubles with each failure in a row. Default 50 ms.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(600))))]
    pub retry_backoff: Duration,
    /// Bound of that pause. Passing faults are retried for ever. Default 5 s.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(3600))))]
    pub retry_backoff_max: Duration,
    /// Most bytes that one record batch may take when it is decompressed. Default 128 MiB.
    #[serde(with = "size")]
    #[garde(custom(size::within(1 << 20, 2 << 30)))]
    pub max_decoded_bytes: u64,
}

impl Default for JobProcessingConfig {
    fn default() -> Self {
        Self {
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_secs(5),
            max_decoded_bytes: 128 << 20,
        }
    }
}
