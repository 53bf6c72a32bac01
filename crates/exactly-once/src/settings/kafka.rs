//! Settings of the Kafka connector and its client.

use std::path::PathBuf;

use velostream_connector_kafka as connector;

use super::length;
use crate::config::{
    ClientConfig, GapPolicy, Isolation, JobFile, KafkaSink, KafkaSource, Servers, Start, TopicPattern,
};

/// Settings of the source; `bounded` ends each split at the last stable offset of the start.
#[must_use]
pub fn source(job: &JobFile, source: &KafkaSource, bounded: bool) -> connector::SourceConfig {
    let client = client(&source.bootstrap_servers, &source.client);
    let mut settings = connector::SourceConfig::new(client, patterns(&source.topics));
    settings.exclude = patterns(&source.exclude);
    settings.start = match source.start {
        Start::Earliest => connector::Start::Earliest,
        Start::Latest => connector::Start::Latest,
        Start::Timestamp(time) => connector::Start::Timestamp(time.unix_ms()),
    };
    settings.gap_policy = match source.gap_policy {
        GapPolicy::Stop => connector::GapPolicy::Stop,
        GapPolicy::Continue => connector::GapPolicy::Continue,
    };
    settings.read_committed = source.isolation == Isolation::ReadCommitted;
    settings.bounded = bounded;
    settings.fetch_max_bytes = length(source.fetch_max_bytes);
    settings.partition_max_bytes = length(source.partition_max_bytes);
    settings.queue_bytes = length(source.queue_bytes);
    settings.max_decoded_bytes = length(job.processing.max_decoded_bytes);
    settings
}

/// Settings of the sink; `member_file` keeps the member id while the caller holds the instance's lock.
#[must_use]
pub fn sink(sink: &KafkaSink, member_file: Option<PathBuf>) -> connector::SinkConfig {
    let mut settings = connector::SinkConfig::new(client(&sink.bootstrap_servers, &sink.client));
    settings.topic.clone_from(&sink.topic);
    settings.create_topics = sink.create_topics;
    settings.replication_factor =
        sink.replication_factor.map_or(-1, |factor| i16::try_from(factor).unwrap_or(i16::MAX));
    settings.session_timeout = sink.session_timeout;
    settings.heartbeat_interval = sink.heartbeat_interval;
    settings.rebalance_timeout = sink.rebalance_timeout;
    settings.transaction_timeout = sink.transaction_timeout;
    settings.max_in_flight_bytes = length(sink.max_in_flight_bytes);
    settings.merge_below_bytes = length(sink.merge_below);
    settings.discovery_interval = sink.discovery_interval;
    settings.member_file = member_file;
    settings
}

/// Settings of the client of one cluster.
#[must_use]
pub fn client(servers: &Servers, settings: &ClientConfig) -> connector::client::Config {
    connector::client::Config {
        bootstrap_servers: servers.addresses().to_vec(),
        client_id: settings.client_id.clone(),
        connect_timeout: settings.connect_timeout,
        request_timeout: settings.request_timeout,
        max_in_flight_bytes: length(settings.max_in_flight_bytes),
        max_response_bytes: length(settings.max_response_bytes),
        reconnect_backoff: settings.reconnect_backoff,
        reconnect_backoff_max: settings.reconnect_backoff_max,
        ..connector::client::Config::default()
    }
}

fn patterns(patterns: &[TopicPattern]) -> Vec<connector::TopicPattern> {
    let convert = |pattern: &TopicPattern| match pattern {
        TopicPattern::Name(name) => connector::TopicPattern::Name(name.clone()),
        TopicPattern::Regex(regex) => connector::TopicPattern::Regex(regex.clone()),
    };
    patterns.iter().map(convert).collect()
}
