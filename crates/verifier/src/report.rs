//! What a verification found.

use serde::Serialize;

use crate::finding::{Counts, Finding};

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that differ or agree, by kind, over all partitions.
    #[serde(flatten)]
    pub counts: Counts,
    /// Differences whose kind was decided before everything that could explain them had been read, because they are
    /// larger than the window. That they differ is certain.
    pub uncertain: u64,
    /// Records with a header whose name holds a zero byte (or with more than 1,000 different names, where nobody
    /// looks). The client library hands out such a name up to that byte: the rest of it was not compared, everything
    /// else of the record was.
    pub unread_headers: u64,
    /// The first findings of each kind.
    pub examples: Vec<Finding>,
    /// Per partition, in the order of the configuration.
    pub partitions: Vec<PartitionReport>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

impl Report {
    /// True if the sink holds every source record once, in order and unchanged, and nothing else.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.counts.differences() == 0
    }
}

/// What was compared in one partition, and the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    /// Topic at the source.
    pub source_topic: String,
    /// Topic at the sink.
    pub sink_topic: String,
    /// The partition, the same on both sides.
    pub partition: i32,
    /// First offset read and last stable offset at the start, at the source; control records and gaps lie in between.
    pub source_range: (i64, i64),
    /// The same at the sink.
    pub sink_range: (i64, i64),
    /// Offsets of the source beyond its range, held back by a transaction that was open: not compared.
    pub source_unstable: u64,
    /// The same at the sink. If it is not 0, records reported as missing may be there, uncommitted.
    pub sink_unstable: u64,
    /// Counts by kind.
    #[serde(flatten)]
    pub counts: Counts,
    /// See [`Report::uncertain`].
    pub uncertain: u64,
    /// See [`Report::unread_headers`].
    pub unread_headers: u64,
}
