//! Where a partition is read from when the job is created.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Where a partition is read from when the job is created. It is resolved once and pinned in the job's own topic;
/// partitions that appear later start at the earliest offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The first offset that is left.
    #[default]
    Earliest,
    /// The end at the moment when the job is created.
    Latest,
    /// The first record at or after a time: `{ timestamp: "2026-01-01T00:00:00Z" }`.
    Timestamp(Timestamp),
}

/// A time in UTC, written as RFC 3339: `2026-01-01T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    unix_ms: u64,
}

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        i64::try_from(self.unix_ms).unwrap_or(i64::MAX)
    }
}

/// The text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time\nwrite it in UTC: 2026-01-01T00:00:00Z")]
pub struct InvalidTimestamp;

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        let time = humantime::parse_rfc3339(&text).map_err(|_| InvalidTimestamp)?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| InvalidTimestamp)?;
        u64::try_from(since.as_millis()).map(|unix_ms| Self { unix_ms }).map_err(|_| InvalidTimestamp)
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        let time = UNIX_EPOCH + Duration::from_millis(timestamp.unix_ms);
        humantime::format_rfc3339_millis(time).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_reads_back_as_it_was_written() {
        let timestamp = Timestamp::try_from("2026-01-01T00:00:00.250Z".to_owned()).unwrap();
        assert_eq!(timestamp.unix_ms(), 1_767_225_600_250);
        assert_eq!(String::from(timestamp), "2026-01-01T00:00:00.250Z");
        for bad in ["", "2026-01-01", "1960-01-01T00:00:00Z", "now"] {
            assert!(Timestamp::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
