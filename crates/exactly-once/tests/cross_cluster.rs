//! The builder stands for the same job as its job file, and for nothing that the job file refuses.

#![cfg(feature = "connector-kafka")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use exactly_once::config::{JobFile, ProcessVariables, RecordIds, RedbStateConfig, Start, StateStoreConfig};
use exactly_once::{CrossClusterExactlyOnce, Error, ExactlyOnceConfig, JobProcessingConfig};

fn loaded(text: &str) -> JobFile {
    JobFile::parse("job.yaml", text, &ProcessVariables::new(".")).unwrap()
}

#[test]
fn builder_with_two_clusters_and_a_topic_is_the_shortest_job_file() {
    let built = CrossClusterExactlyOnce::between("a:9092", "b:9092").topic("orders").job_file().unwrap();
    let text = "job: replicate\nsource: { kafka: { bootstrap_servers: 'a:9092', topics: [orders] } }\n\
                sink: { kafka: { bootstrap_servers: 'b:9092' } }\n";
    assert_eq!(built, loaded(text));
}

#[test]
fn builder_with_every_setting_is_the_job_file_with_every_setting() {
    let mut delivery = ExactlyOnceConfig::default();
    delivery.transaction.max_interval = Duration::from_millis(50);
    let mut processing = JobProcessingConfig::default();
    processing.retry_backoff = Duration::from_millis(10);
    let built = CrossClusterExactlyOnce::between("a:1,a:2", "b:1")
        .job("orders-dr")
        .topic("orders")
        .topic("/payments\\..*/")
        .exclude("payments.test")
        .sink_topic("dr.{topic}")
        .start_at(Start::Latest)
        .lanes(4)
        .exactly_once(delivery)
        .processing(processing)
        .state_dir("/var/lib/velostream")
        .http("127.0.0.1:9464".parse().unwrap());
    let text = "job: orders-dr\n\
        source: { kafka: { bootstrap_servers: 'a:1,a:2', topics: [orders, '/payments\\..*/'], exclude: [payments.test], start: latest } }\n\
        sink: { kafka: { bootstrap_servers: 'b:1', topic: 'dr.{topic}' } }\n\
        lanes: 4\n\
        exactly_once: { transaction: { max_interval: 50ms } }\n\
        processing: { retry_backoff: 10ms }\n\
        state_dir: /var/lib/velostream\n\
        http: { listen: '127.0.0.1:9464' }\n";
    assert_eq!(built.job_file().unwrap(), loaded(text));
    assert_eq!(built.processor().unwrap().job(), &loaded(text));
}

#[test]
fn builder_with_content_ids_keeps_them_where_it_says() {
    let mut delivery = ExactlyOnceConfig::default();
    delivery.record_id_strategy = RecordIds::ContentHash;
    let built = CrossClusterExactlyOnce::between("a:1", "b:1")
        .topic("orders")
        .exactly_once(delivery)
        .state_store(StateStoreConfig::Redb(RedbStateConfig::new("ids.redb")));
    let text = "job: replicate\nsource: { kafka: { bootstrap_servers: 'a:1', topics: [orders] } }\n\
                sink: { kafka: { bootstrap_servers: 'b:1' } }\nexactly_once: { record_id_strategy: content_hash }\n\
                state_store: { redb: { path: ids.redb } }\n";
    assert_eq!(built.job_file().unwrap(), loaded(text));
}

#[test]
fn everything_that_cannot_be_read_is_named_at_once() {
    let built = CrossClusterExactlyOnce::between("a", "").topic("orders").topic("/(/").exclude("a b");
    let Error::Config { source } = built.job_file().unwrap_err() else { panic!() };
    let paths: Vec<_> = source.problems().iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "source.kafka.bootstrap_servers",
            "source.kafka.topics[1]",
            "source.kafka.exclude[0]",
            "sink.kafka.bootstrap_servers"
        ]
    );
    assert!(source.problems().iter().all(|problem| problem.remedy.is_some()), "{source}");
}

#[test]
fn what_a_job_file_refuses_is_refused() {
    let copy = || CrossClusterExactlyOnce::between("a:1", "b:1").topic("t");
    let refused = |copy: CrossClusterExactlyOnce| copy.processor().unwrap_err().to_string();
    assert!(refused(CrossClusterExactlyOnce::between("a:1", "b:1")).starts_with("source.kafka.topics: "));
    assert!(refused(copy().job("Orders")).starts_with("job: "));
    assert!(refused(copy().lanes(0)).starts_with("lanes: "));
    assert!(refused(copy().topic("u").sink_topic("all")).starts_with("sink.kafka.topic: "));
    let itself = CrossClusterExactlyOnce::between("a:1", "a:1").topic("t");
    assert!(refused(itself).starts_with("sink.kafka.topic: source and sink are the same"));
}
