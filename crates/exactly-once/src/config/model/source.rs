//! Where records come from.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::client::ClientConfig;
use super::format::{Format, not_empty};
use super::servers::Servers;
use super::start::Start;
use super::topic_pattern::TopicPattern;
use super::{duration, size};

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// Topics of a Kafka cluster.
    Kafka(#[garde(dive)] KafkaSource),
    /// Lines of files.
    File(#[garde(dive)] FileSource),
}

/// Topics of a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaSource {
    /// Addresses of the cluster.
    #[garde(skip)]
    pub bootstrap_servers: Servers,
    /// Topics to read: names, or regular expressions between slashes.
    #[garde(custom(at_least_one))]
    pub topics: Vec<TopicPattern>,
    /// Topics to leave out, whatever `topics` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub exclude: Vec<TopicPattern>,
    /// Where to start when the job is created. Default `earliest`.
    #[serde(default)]
    #[garde(skip)]
    pub start: Start,
    /// What to do where the source lost records in front of the position. Default `stop`.
    #[serde(default)]
    #[garde(skip)]
    pub gap_policy: GapPolicy,
    /// Which records of transactions are read. Default `read_committed`.
    #[serde(default)]
    #[garde(skip)]
    pub isolation: Isolation,
    /// Most bytes of one Fetch answer. Default 2 MiB; more where the way to the source is long (one Fetch per round
    /// trip and broker).
    #[serde(default = "fetch_max_bytes", with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub fetch_max_bytes: u64,
    /// Most bytes of one partition in it; a larger first batch comes all the same (KIP-74). Default 1 MiB.
    #[serde(default = "partition_max_bytes", with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub partition_max_bytes: u64,
    /// Fetched bytes that may wait for the sink. Default 4 MiB.
    #[serde(default = "queue_bytes", with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub queue_bytes: u64,
    /// How to talk to the cluster.
    #[serde(default)]
    #[garde(dive)]
    pub client: ClientConfig,
}

const fn fetch_max_bytes() -> u64 {
    2 << 20
}

const fn partition_max_bytes() -> u64 {
    1 << 20
}

const fn queue_bytes() -> u64 {
    4 << 20
}

impl KafkaSource {
    /// These topics of this cluster, everything else by default.
    #[must_use]
    pub fn new(bootstrap_servers: Servers, topics: Vec<TopicPattern>) -> Self {
        Self {
            bootstrap_servers,
            topics,
            exclude: Vec::new(),
            start: Start::default(),
            gap_policy: GapPolicy::default(),
            isolation: Isolation::default(),
            fetch_max_bytes: fetch_max_bytes(),
            partition_max_bytes: partition_max_bytes(),
            queue_bytes: queue_bytes(),
            client: ClientConfig::default(),
        }
    }
}

fn at_least_one(topics: &[TopicPattern], (): &()) -> garde::Result {
    if topics.is_empty() {
        return Err(garde::Error::new(
            "no topic is named\nwrite names or expressions: [\"orders\", \"/payments\\\\..*/\"]",
        ));
    }
    Ok(())
}

/// What to do where the source lost records in front of the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapPolicy {
    /// Stop with an error that names the range.
    #[default]
    Stop,
    /// Log the range and go on behind it. The job is then not exactly-once.
    Continue,
}

/// Which records of transactions on the source cluster are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Isolation {
    /// Those of committed transactions, and those outside of any.
    #[default]
    ReadCommitted,
    /// Those of aborted transactions too.
    ReadUncommitted,
}

/// Lines of files that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileSource {
    /// Path or pattern (`*`, `?`, `[..]`, `**`).
    #[garde(custom(not_empty))]
    pub path: String,
    /// Format of the files. Default `lines`.
    #[serde(default)]
    #[garde(skip)]
    pub format: Format,
    /// Wait for more lines and more files instead of ending. Default false.
    #[serde(default)]
    #[garde(skip)]
    pub follow: bool,
    /// How often `follow` looks for more. Default 100 ms.
    #[serde(default = "poll_interval", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(3600))))]
    pub poll_interval: Duration,
    /// Most bytes of lines that travel together; the least that a transaction holds. Default 1 MiB.
    #[serde(default = "max_chunk_bytes", with = "size")]
    #[garde(custom(size::within(1, 1 << 30)))]
    pub max_chunk_bytes: u64,
    /// Longest line. Default 16 MiB.
    #[serde(default = "max_line_bytes", with = "size")]
    #[garde(custom(size::within(1, 1 << 30)))]
    pub max_line_bytes: u64,
}

const fn poll_interval() -> Duration {
    Duration::from_millis(100)
}

const fn max_chunk_bytes() -> u64 {
    1 << 20
}

const fn max_line_bytes() -> u64 {
    16 << 20
}

impl FileSource {
    /// The files at `path`, everything else by default.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            format: Format::default(),
            follow: false,
            poll_interval: poll_interval(),
            max_chunk_bytes: max_chunk_bytes(),
            max_line_bytes: max_line_bytes(),
        }
    }
}
