//! Settings of a source and a sink cluster.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use velostream_kafka_client as client;

/// Which topics of the source are replicated.
#[derive(Debug, Clone)]
pub enum TopicPattern {
    /// One topic; it must exist.
    Name(String),
    /// All topics that the expression matches as a whole; topics that appear later are taken too.
    Regex(Regex),
}

impl TopicPattern {
    /// True where the pattern takes this topic.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Name(name) => name == topic,
            Self::Regex(regex) => regex.find(topic).is_some_and(|m| m.start() == 0 && m.end() == topic.len()),
        }
    }
}

/// Where a partition is read from when the job is created (R12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first offset that is left.
    Earliest,
    /// The end, at the moment when the registrar pins it.
    Latest,
    /// The first offset at or after this time, milliseconds since the Unix epoch.
    Timestamp(i64),
}

/// What to do where the source lost records (R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapPolicy {
    /// Stop with an error that names the range.
    Stop,
    /// Log the range and go on behind it.
    Continue,
}

/// Settings of the source.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// How to reach the cluster.
    pub client: client::Config,
    /// Topics to take.
    pub topics: Vec<TopicPattern>,
    /// Topics to leave out, whatever `topics` says.
    pub exclude: Vec<TopicPattern>,
    /// Where to start.
    pub start: Start,
    /// What to do at a gap.
    pub gap_policy: GapPolicy,
    /// Read only committed data. False delivers data of aborted transactions too.
    pub read_committed: bool,
    /// End each split at the last stable offset that it has at the start of the process.
    pub bounded: bool,
    /// Most bytes of one Fetch answer.
    pub fetch_max_bytes: usize,
    /// Most bytes of one partition in it; a larger first batch comes all the same (KIP-74).
    pub partition_max_bytes: usize,
    /// Fetched bytes that may wait for the sink; bounds memory whatever the number of partitions.
    pub queue_bytes: usize,
    /// Bound for decompressing one batch.
    pub max_decoded_bytes: usize,
}

impl SourceConfig {
    /// Defaults for everything but the cluster and the topics.
    #[must_use]
    pub const fn new(client: client::Config, topics: Vec<TopicPattern>) -> Self {
        Self {
            client,
            topics,
            exclude: Vec::new(),
            start: Start::Earliest,
            gap_policy: GapPolicy::Stop,
            read_committed: true,
            bounded: false,
            fetch_max_bytes: 2 << 20,
            partition_max_bytes: 1 << 20,
            queue_bytes: 4 << 20,
            max_decoded_bytes: 128 << 20,
        }
    }

    /// True where this topic belongs to the job.
    #[must_use]
    pub fn takes(&self, topic: &str) -> bool {
        self.topics.iter().any(|p| p.matches(topic)) && !self.exclude.iter().any(|p| p.matches(topic))
    }
}

/// Settings of the sink.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// How to reach the cluster.
    pub client: client::Config,
    /// Destination topic; `{topic}` stands for the source topic.
    pub topic: String,
    /// Create missing destination topics with the source's number of partitions and its retention.
    pub create_topics: bool,
    /// Replication factor of created topics; -1 is the broker's default.
    pub replication_factor: i16,
    /// A worker that is silent for so long is replaced.
    pub session_timeout: Duration,
    /// Pause between heartbeats; also the delay with which a worker notices that another one left.
    pub heartbeat_interval: Duration,
    /// How long the others wait for a member to re-join.
    pub rebalance_timeout: Duration,
    /// The broker aborts a transaction that is open for so long (R5).
    pub transaction_timeout: Duration,
    /// Bytes of a lane's produce requests without an acknowledgement.
    pub max_in_flight_bytes: usize,
    /// Batches of fewer bytes are joined with their neighbours before they are sent, if these use the same codec; 0 sends
    /// every batch as it came.
    pub merge_below_bytes: usize,
    /// How often the group's leader looks for new topics and partitions.
    pub discovery_interval: Duration,
    /// File that keeps this worker's member id, so that a restart after kill -9 need not wait for the session to end.
    /// Only safe while the caller holds the instance's lock.
    pub member_file: Option<PathBuf>,
}

impl SinkConfig {
    /// Defaults for everything but the cluster.
    #[must_use]
    pub fn new(client: client::Config) -> Self {
        Self {
            client,
            topic: "{topic}".to_owned(),
            create_topics: true,
            replication_factor: -1,
            session_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(300),
            rebalance_timeout: Duration::from_millis(1500),
            transaction_timeout: Duration::from_secs(10),
            max_in_flight_bytes: 8 << 20,
            merge_below_bytes: 64 << 10,
            discovery_interval: Duration::from_secs(30),
            member_file: None,
        }
    }

    /// Destination of a source topic.
    #[must_use]
    pub fn destination(&self, source_topic: &str) -> String {
        self.topic.replace("{topic}", source_topic)
    }
}
