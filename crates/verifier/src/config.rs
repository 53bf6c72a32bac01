//! What to compare.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::compare::Limits;

/// How to reach one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Comma-separated `host:port`.
    pub bootstrap_servers: String,
    /// Further librdkafka consumer properties: security, sizes. They may hold secrets, so `Debug` shows names only.
    pub properties: Vec<(String, String)>,
}

impl Cluster {
    /// A cluster without security settings.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), properties: Vec::new() }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Cluster")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &names)
            .finish()
    }
}

/// A source topic and the sink topic that has to hold its records, partition by partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPair {
    /// Topic at the source.
    pub source_topic: String,
    /// Topic at the sink.
    pub sink_topic: String,
    /// First source offset per partition (next-to-read); the earliest one where it is not given.
    pub source_from: BTreeMap<i32, i64>,
    /// First sink offset per partition (next-to-read); the earliest one where it is not given.
    pub sink_from: BTreeMap<i32, i64>,
}

impl TopicPair {
    /// Both topics from their earliest offsets.
    #[must_use]
    pub fn new(source_topic: impl Into<String>, sink_topic: impl Into<String>) -> Self {
        Self {
            source_topic: source_topic.into(),
            sink_topic: sink_topic.into(),
            source_from: BTreeMap::new(),
            sink_from: BTreeMap::new(),
        }
    }
}

/// A verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the records come from.
    pub source: Cluster,
    /// Where they have to stand.
    pub sink: Cluster,
    /// What is compared with what.
    pub pairs: Vec<TopicPair>,
    /// Partitions compared at once. Each takes two clients, whose fetch buffers take up to about 175 MB together, and
    /// up to about 100 MB more where the sides differ.
    pub threads: usize,
    /// Bounds of each partition's comparison; [`Limits::examples`] also bounds the report, per kind.
    pub limits: Limits,
    /// How long to wait, at the start, for each partition's last stable offset to reach its high watermark: a commit is
    /// acknowledged before it shows. A transaction that is open for longer is left out and counted as
    /// [`source_unstable`](crate::PartitionReport::source_unstable) or
    /// [`sink_unstable`](crate::PartitionReport::sink_unstable).
    pub settle: Duration,
    /// How long a partition may yield nothing before the verification gives up.
    pub stall: Duration,
}

impl Config {
    /// Compares `pairs` with two partitions at once, ten seconds to settle and a minute of patience.
    #[must_use]
    pub fn new(source: Cluster, sink: Cluster, pairs: Vec<TopicPair>) -> Self {
        Self {
            source,
            sink,
            pairs,
            threads: 2,
            limits: Limits::default(),
            settle: Duration::from_secs(10),
            stall: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cluster;

    #[test]
    fn cluster_debug_shows_no_secret() {
        let mut cluster = Cluster::new("a:1");
        cluster.properties.push(("sasl.password".into(), "canary".into()));
        let shown = format!("{cluster:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("canary"));
    }
}
