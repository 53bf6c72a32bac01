//! The level of every kind of job, and each thing that changes it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use exactly_once::Error;
use exactly_once::config::{FileSource, JobFile, KafkaSink, ProcessVariables, Sink, Source};
use exactly_once::core::{Code, DeliveryLevel, JobName};
use exactly_once::explain::{Explanation, Required, Role, explain};

const KAFKA_SOURCE: &str = "kafka: { bootstrap_servers: 'a:1', topics: [t] }";
const KAFKA_SINK: &str = "kafka: { bootstrap_servers: 'b:1', topic: u }";
const FILE_SOURCE: &str = "file: { path: in }";
const FILE_SINK: &str = "file: { path: out }";

fn explanation(source: &str, sink: &str, tail: &str) -> Explanation {
    let text = format!("job: j\nsource: {{ {source} }}\nsink: {{ {sink} }}\n{tail}");
    explain(&JobFile::parse("j.yaml", &text, &ProcessVariables::new(".")).unwrap())
}

fn settings(explanation: &Explanation, role: Role) -> Vec<&'static str> {
    explanation.of(role).filter_map(|reason| reason.setting).collect()
}

#[test]
fn every_pair_of_ends_that_exists_is_exactly_once_by_transaction() {
    for (source, sink) in [(KAFKA_SOURCE, KAFKA_SINK), (KAFKA_SOURCE, FILE_SINK), (FILE_SOURCE, FILE_SINK)] {
        let explanation = explanation(source, sink, "");
        assert_eq!(explanation.level, DeliveryLevel::ExactlyOnceTransactional, "{source} -> {sink}");
        explanation.require(Required::ExactlyOnce).unwrap();
        assert!(explanation.of(Role::Gives).count() >= 3);
        assert!(explanation.of(Role::Assumes).count() >= 3);
        assert_eq!(explanation.of(Role::Lowers).count(), 0);
    }
}

#[test]
fn pair_of_ends_that_does_not_exist_promises_nothing() {
    let sink = KafkaSink::new("b:1".parse().unwrap());
    let job = JobFile::new(JobName::new("j"), Source::File(FileSource::new("in")), Sink::Kafka(sink));
    assert!(!job.has_parts());
    job.validate().unwrap_err();
    let explanation = explain(&job);
    explanation.require(Required::ExactlyOnce).unwrap_err();
    assert_eq!(explanation.of(Role::Gives).count(), 0);
    assert_eq!(settings(&explanation, Role::Lowers), ["sink.kafka"]);
}

#[test]
fn gap_policy_continue_takes_exactly_once_away() {
    let source = "kafka: { bootstrap_servers: 'a:1', topics: [t], gap_policy: continue }";
    let explanation = explanation(source, KAFKA_SINK, "");
    assert_eq!(explanation.level, DeliveryLevel::AtLeastOnce);
    assert_eq!(settings(&explanation, Role::Lowers), ["source.kafka.gap_policy"]);
    let error = explanation.require(Required::ExactlyOnce).unwrap_err();
    assert_eq!(error.code(), Code::Guarantee);
    assert!(matches!(error, Error::Guarantee { level: DeliveryLevel::AtLeastOnce, .. }));
    assert_eq!(error.to_string(), "job j: exactly_once is required, the job file gives at_least_once");
}

#[test]
fn settings_that_only_need_attention_leave_the_level() {
    let source =
        "kafka: { bootstrap_servers: 'a:1', topics: [t], isolation: read_uncommitted, start: latest }";
    let sink = "kafka: { bootstrap_servers: 'b:1', replication_factor: 1 }";
    let explanation = explanation(source, sink, "exactly_once: { pass_through: off }\n");
    assert_eq!(explanation.level, DeliveryLevel::ExactlyOnceTransactional);
    assert_eq!(
        settings(&explanation, Role::Warns),
        [
            "sink.kafka.replication_factor",
            "source.kafka.isolation",
            "source.kafka.start",
            "exactly_once.pass_through",
        ]
    );
}

#[test]
fn reasons_stand_in_the_order_of_their_roles() {
    let explanation = explanation(KAFKA_SOURCE, FILE_SINK, "");
    assert!(explanation.reasons.is_sorted_by_key(|reason| reason.role));
    assert!(explanation.of(Role::Warns).any(|r| r.text.contains("keys, headers and timestamps")));
}

#[test]
fn pass_through_off_is_text_and_not_a_truth_value() {
    explanation(KAFKA_SOURCE, KAFKA_SINK, "exactly_once: { pass_through: off }\n");
}

#[test]
fn content_ids_keep_the_level_and_say_what_they_rest_on() {
    let ids = |tail: &str| {
        let tail = format!("exactly_once: {{ record_id_strategy: content_hash{tail}");
        explanation(FILE_SOURCE, FILE_SINK, &tail)
    };
    let plain = ids(" }\n");
    assert_eq!(plain.level, DeliveryLevel::ExactlyOnceTransactional);
    assert_eq!(plain.of(Role::Warns).count(), 0);
    assert!(plain.of(Role::Assumes).any(|r| r.text.contains("VS-0055")));
    let warned = ids(", on_tracking_limit: shrink_window }\nstate_store: { memory: {} }\n");
    assert_eq!(settings(&warned, Role::Warns), ["state_store", "exactly_once.on_tracking_limit"]);
    let by_event = "exactly_once: { record_id_strategy: content_hash, deduplication_time: event }\n";
    let by_event = explanation(KAFKA_SOURCE, KAFKA_SINK, by_event);
    assert_eq!(by_event.level, DeliveryLevel::ExactlyOnceTransactional);
    assert!(by_event.of(Role::Gives).any(|r| r.text.contains("whose own times lie less than 1day apart")));
    assert_eq!(settings(&by_event, Role::Warns), ["exactly_once.deduplication_time"]);
    let shared = |store: &str| {
        let ids = "exactly_once: { record_id_strategy: content_hash, shared_ids: orders }\n";
        explanation(KAFKA_SOURCE, KAFKA_SINK, &format!("{ids}state_store: {{ {store} }}\n"))
    };
    let strong = shared("postgres: { url: \"postgresql://localhost/s\", class: G2 }");
    assert_eq!(strong.level, DeliveryLevel::ExactlyOnceTransactional);
    assert!(strong.of(Role::Gives).any(|r| r.text.contains("all jobs that share the ids of orders")));
    assert!(settings(&strong, Role::Warns).is_empty());
    let weak = shared("redis: { url: \"redis://localhost\", topology: { cluster: {} } }");
    assert!(weak.of(Role::Assumes).any(|r| r.text.contains("redis (a cluster) is of class G1")));
    assert_eq!(settings(&weak, Role::Warns), ["exactly_once.shared_ids"]);
    let unused = explanation(FILE_SOURCE, FILE_SINK, "state_store: { memory: {} }\n");
    assert_eq!(settings(&unused, Role::Warns), ["state_store"]);
}
