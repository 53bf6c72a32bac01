//! The defaults of the job file are those of the parts, and no field is lost on the way to them.

#![cfg(all(feature = "connector-kafka", feature = "connector-file"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use exactly_once::config::{
    FileSink, FileSource, JobFile, KafkaSink, KafkaSource, ProcessVariables, Sink, Source,
};
use exactly_once::core::JobName;
use exactly_once::processor::{Backoff, Transactions};
use exactly_once::{connector_file, connector_kafka, settings};

fn kafka_job() -> JobFile {
    let source = KafkaSource::new("a:1".parse().unwrap(), vec!["t".parse().unwrap()]);
    JobFile::new(
        JobName::new("j"),
        Source::Kafka(source),
        Sink::Kafka(KafkaSink::new("b:1".parse().unwrap())),
    )
}

#[test]
fn kafka_defaults_are_those_of_the_connector() {
    let job = kafka_job();
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else { panic!() };
    let client = |servers: &str| connector_kafka::client::Config {
        bootstrap_servers: vec![servers.to_owned()],
        ..connector_kafka::client::Config::default()
    };
    let topics = vec![connector_kafka::TopicPattern::Name("t".to_owned())];
    let expected = connector_kafka::SourceConfig::new(client("a:1"), topics);
    assert_eq!(format!("{:?}", settings::kafka::source(&job, source, false)), format!("{expected:?}"));
    let expected = connector_kafka::SinkConfig::new(client("b:1"));
    assert_eq!(format!("{:?}", settings::kafka::sink(sink, None)), format!("{expected:?}"));
}

#[test]
fn file_defaults_are_those_of_the_connector() {
    let source = FileSource::new("in");
    assert_eq!(settings::file::source(&source, false), connector_file::SourceConfig::new("in"));
    let sink = FileSink::new("out");
    let mut job = JobFile::new(JobName::new("j"), Source::File(source), Sink::File(sink.clone()));
    job.processing.max_decoded_bytes = 64 << 20;
    assert_eq!(settings::file::sink(&job, &sink), connector_file::SinkConfig::new(JobName::new("j"), "out"));
}

#[test]
fn bounded_job_does_not_follow_its_files() {
    let mut source = FileSource::new("in");
    source.follow = true;
    assert!(settings::file::source(&source, false).follow);
    assert!(!settings::file::source(&source, true).follow);
}

#[test]
fn worker_over_files_ends_with_them_unless_it_follows() {
    let job = |follow| {
        let mut source = FileSource::new("in");
        source.follow = follow;
        JobFile::new(JobName::new("j"), Source::File(source), Sink::File(FileSink::new("out")))
    };
    assert!(settings::worker(&job(false), false).bounded);
    assert!(!settings::worker(&job(true), false).bounded);
    assert!(settings::worker(&job(true), true).bounded);
    assert!(!settings::worker(&kafka_job(), false).bounded);
}

#[test]
fn worker_defaults_are_those_of_the_processor() {
    let worker = settings::worker(&kafka_job(), true);
    assert_eq!(worker.transactions, Transactions::default());
    assert_eq!(worker.backoff, Backoff::default());
    assert!(worker.bounded);
}

#[test]
fn every_setting_of_the_file_reaches_its_part() {
    let text = r#"
job: j
source: { kafka: { bootstrap_servers: "a:1", topics: [t], exclude: [x], start: { timestamp: "1970-01-01T00:00:01Z" }, gap_policy: continue,
  isolation: read_uncommitted, fetch_max_bytes: 1KiB, partition_max_bytes: 2KiB, queue_bytes: 3KiB, client: { client_id: c, connect_timeout: 1s,
  request_timeout: 2s, reconnect_backoff: 3s, reconnect_backoff_max: 4s, max_in_flight_bytes: 5KiB, max_response_bytes: 6KiB } } }
sink: { kafka: { bootstrap_servers: "b:1", topic: "x.{topic}", create_topics: false, replication_factor: 2, session_timeout: 60s,
  heartbeat_interval: 11s, rebalance_timeout: 12s, transaction_timeout: 13s, max_in_flight_bytes: 7KiB, merge_below: 6KiB, discovery_interval: 14s } }
exactly_once: { pass_through: off, transaction: { max_interval: 15ms, max_bytes: 8KiB } }
processing: { retry_backoff: 16ms, retry_backoff_max: 17ms, max_decoded_bytes: 9MiB }
"#;
    let job = JobFile::parse("j.yaml", text, &ProcessVariables::new(".")).unwrap();
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else { panic!() };
    let shown = format!(
        "{:?} {:?} {:?}",
        settings::kafka::source(&job, source, true),
        settings::kafka::sink(sink, Some("m".into())),
        settings::worker(&job, false)
    );
    for part in [
        r#"exclude: [Name("x")], start: Timestamp(1000), gap_policy: Continue, read_committed: false, bounded: true"#,
        "fetch_max_bytes: 1024, partition_max_bytes: 2048, queue_bytes: 3072, max_decoded_bytes: 9437184",
        r#"client_id: "c", connect_timeout: 1s, request_timeout: 2s, max_in_flight_bytes: 5120, max_response_bytes: 6144, reconnect_backoff: 3s, reconnect_backoff_max: 4s"#,
        r#"topic: "x.{topic}", create_topics: false, replication_factor: 2, session_timeout: 60s, heartbeat_interval: 11s, rebalance_timeout: 12s, transaction_timeout: 13s, max_in_flight_bytes: 7168, merge_below_bytes: 6144, discovery_interval: 14s, member_file: Some("m")"#,
        "Transactions { max_interval: 15ms, max_bytes: 8192, pass_through: false }",
        "Backoff { base: 16ms, max: 17ms }, bounded: false, max_decoded_bytes: 9437184",
    ] {
        assert!(shown.contains(part), "{part}\nis not in\n{shown}");
    }
}
