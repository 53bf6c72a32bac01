//! Where records go.

use std::path::Path;
use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::client::ClientConfig;
use super::format::{Format, not_empty};
use super::servers::Servers;
use super::topic_pattern::is_topic_name;
use super::{duration, size};

/// Stands for the source topic in the name of a destination.
pub(crate) const TOPIC: &str = "{topic}";

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "a process holds one job")]
pub enum Sink {
    /// Topics of a Kafka cluster.
    Kafka(#[garde(dive)] KafkaSink),
    /// A directory of files.
    File(#[garde(dive)] FileSink),
}

/// Topics of a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaSink {
    /// Addresses of the cluster.
    #[garde(skip)]
    pub bootstrap_servers: Servers,
    /// Destination; `{topic}` stands for the source topic. Default `{topic}`.
    #[serde(default = "topic")]
    #[garde(custom(is_template))]
    pub topic: String,
    /// Destination partition. Default `same`.
    #[serde(default)]
    #[garde(skip)]
    pub partition: Partitioning,
    /// Create missing topics with the source's number of partitions and its retention. Default true.
    #[serde(default = "create_topics")]
    #[garde(skip)]
    pub create_topics: bool,
    /// Replication factor of topics that the job creates. Default: what the brokers are set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(custom(is_replication_factor))]
    pub replication_factor: Option<u16>,
    /// A worker that is silent for so long is replaced. Default 6 s.
    #[serde(default = "session_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_secs(1), Duration::from_secs(1800))))]
    pub session_timeout: Duration,
    /// Pause between heartbeats; also the delay with which a worker notices that another one left. Default 300 ms.
    #[serde(default = "heartbeat_interval", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(50), Duration::from_secs(600))))]
    pub heartbeat_interval: Duration,
    /// How long the others wait for a worker to re-join. Default 1500 ms.
    #[serde(default = "rebalance_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(200), Duration::from_secs(600))))]
    pub rebalance_timeout: Duration,
    /// The broker aborts a transaction that is open for so long. Default 10 s.
    #[serde(default = "transaction_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_secs(1), Duration::from_secs(900))))]
    pub transaction_timeout: Duration,
    /// Bytes of a lane's produce requests without an acknowledgement. Default 8 MiB.
    #[serde(default = "max_in_flight_bytes", with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub max_in_flight_bytes: u64,
    /// Batches of fewer bytes are joined with their neighbours of the same codec before they are sent, which costs the
    /// worker a decompression and saves the brokers more; 0B sends every batch as it came. Default 64 KiB.
    #[serde(default = "merge_below", with = "size")]
    #[garde(custom(size::within(0, 1 << 30)))]
    pub merge_below: u64,
    /// How often new topics and partitions are looked for. Default 30 s.
    #[serde(default = "discovery_interval", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(100), Duration::from_secs(3600))))]
    pub discovery_interval: Duration,
    /// How to talk to the cluster.
    #[serde(default)]
    #[garde(dive)]
    pub client: ClientConfig,
}

fn topic() -> String {
    TOPIC.to_owned()
}

const fn create_topics() -> bool {
    true
}

const fn session_timeout() -> Duration {
    Duration::from_secs(6)
}

const fn heartbeat_interval() -> Duration {
    Duration::from_millis(300)
}

const fn rebalance_timeout() -> Duration {
    Duration::from_millis(1500)
}

const fn transaction_timeout() -> Duration {
    Duration::from_secs(10)
}

const fn max_in_flight_bytes() -> u64 {
    8 << 20
}

const fn merge_below() -> u64 {
    64 << 10
}

const fn discovery_interval() -> Duration {
    Duration::from_secs(30)
}

impl KafkaSink {
    /// The same topics on this cluster, everything else by default.
    #[must_use]
    pub fn new(bootstrap_servers: Servers) -> Self {
        Self {
            bootstrap_servers,
            topic: topic(),
            partition: Partitioning::default(),
            create_topics: create_topics(),
            replication_factor: None,
            session_timeout: session_timeout(),
            heartbeat_interval: heartbeat_interval(),
            rebalance_timeout: rebalance_timeout(),
            transaction_timeout: transaction_timeout(),
            max_in_flight_bytes: max_in_flight_bytes(),
            merge_below: merge_below(),
            discovery_interval: discovery_interval(),
            client: ClientConfig::default(),
        }
    }

    /// Destination of a source topic.
    #[must_use]
    pub fn destination(&self, source_topic: &str) -> String {
        self.topic.replace(TOPIC, source_topic)
    }
}

fn is_template(text: &str, (): &()) -> garde::Result {
    // Any one letter in the place of the source topic shows whether the rest fits.
    if is_topic_name(&text.replace(TOPIC, "t")) {
        return Ok(());
    }
    Err(garde::Error::new(
        "not the name of a topic\nwrite letters, digits, `.`, `_` or `-`; {topic} stands for the source topic",
    ))
}

fn is_replication_factor(factor: &Option<u16>, (): &()) -> garde::Result {
    match factor {
        None | Some(1..=100) => Ok(()),
        Some(_) => Err(garde::Error::new("out of range\nwrite a number from 1 to 100, or leave it out")),
    }
}

/// Destination partition of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Partitioning {
    /// The partition that it came from.
    #[default]
    Same,
}

/// A directory of files that one job owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileSink {
    /// Directory and name: `out/orders.ndjson` becomes `out/orders.0000000001.ndjson` and so on.
    #[garde(custom(is_file))]
    pub path: String,
    /// Format of the files. Default `lines`.
    #[serde(default)]
    #[garde(skip)]
    pub format: Format,
}

impl FileSink {
    /// Files named after `path`, everything else by default.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), format: Format::default() }
    }

    /// The directory that holds the files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        match Path::new(&self.path).parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}

fn is_file(path: &str, (): &()) -> garde::Result {
    not_empty(path, &())?;
    if path.ends_with('/') {
        return Err(garde::Error::new("a directory\nwrite the name of a file in it too: out/orders.ndjson"));
    }
    if path.contains(['*', '?']) {
        return Err(garde::Error::new("a pattern\nwrite the path of one file"));
    }
    Ok(())
}
