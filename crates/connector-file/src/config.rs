//! Settings of source and sink, as the job file names them.

use std::path::PathBuf;
use std::time::Duration;

use velostream_core::JobName;

use crate::{Error, Result};

/// How records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// One record per line: the value and a line feed (0x0A). A carriage return in front of it belongs to the
    /// value; an empty line is a record with an empty value. Keys, headers and timestamps have no place in it.
    #[default]
    Lines,
}

/// Settings of the source: `source: { file: { path: "in/*.ndjson", format: lines } }`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceConfig {
    /// Path or glob pattern (`*`, `?`, `[..]`, `**`). A leading dot is matched only by a dot.
    pub path: String,
    /// Format of the files.
    pub format: Format,
    /// Wait for more lines and more files instead of ending at the end of each file.
    pub follow: bool,
    /// Most bytes of lines in one chunk (a single longer line still travels, up to `max_line_bytes`).
    pub max_chunk_bytes: usize,
    /// Most records in one chunk: bounds what short lines cost in memory, about 180 bytes each.
    pub max_chunk_records: usize,
    /// Longest line in bytes, without its line feed.
    pub max_line_bytes: usize,
    /// How often `follow` looks for more, in lack of news.
    pub poll_interval: Duration,
}

impl SourceConfig {
    /// Settings for `path` with the defaults: not following, chunks of 1 MiB and at most 16384 records, lines of at
    /// most 16 MiB, polled every 100 ms.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            format: Format::Lines,
            follow: false,
            max_chunk_bytes: 1 << 20,
            max_chunk_records: 1 << 14,
            max_line_bytes: 16 << 20,
            poll_interval: Duration::from_millis(100),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] -> `Reject`, naming the field.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("max_chunk_bytes", self.max_chunk_bytes),
            ("max_chunk_records", self.max_chunk_records),
            ("max_line_bytes", self.max_line_bytes),
        ];
        for (field, value) in positive {
            if value == 0 {
                return Err(Error::Setting { field, why: "must be at least 1".to_owned() });
            }
        }
        if self.poll_interval.is_zero() {
            return Err(Error::Setting { field: "poll_interval", why: "must be more than 0".to_owned() });
        }
        Ok(())
    }
}

/// Settings of the sink: `sink: { file: { path: "out/orders.ndjson", format: lines } }`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkConfig {
    /// The job that owns the output directory.
    pub job: JobName,
    /// Directory and name of the output. Data files carry the epoch in their name: `out/orders.0000000001.ndjson`.
    pub path: PathBuf,
    /// Format of the files.
    pub format: Format,
    /// Most bytes that decoding one encoded chunk may take.
    pub max_decoded_bytes: usize,
}

impl SinkConfig {
    /// Settings for `job` writing to `path`, with the defaults: chunks decode to at most 64 MiB.
    #[must_use]
    pub fn new(job: JobName, path: impl Into<PathBuf>) -> Self {
        Self { job, path: path.into(), format: Format::Lines, max_decoded_bytes: 64 << 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bound_is_refused_by_its_name() {
        let mut config = SourceConfig::new("in/*");
        config.validate().unwrap();
        config.max_line_bytes = 0;
        assert!(matches!(config.validate(), Err(Error::Setting { field: "max_line_bytes", .. })));
    }
}
