//! Job files that are accepted: what they mean, and that what is written loads back equal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io;
use std::time::Duration;

use exactly_once::config::{
    DeduplicationTime, FileSink, FileSource, GapPolicy, Isolation, JobFile, KafkaSink, KafkaSource,
    MemoryStateConfig, OnIdLoss, OnTrackingLimit, PassThrough, RecordIds, RedbStateConfig, Sink, Source,
    Start, StateStoreConfig, TopicPattern, Variables,
};
use exactly_once::core::JobName;
use proptest::prelude::*;

struct Fixed;

impl Variables for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "BROKERS" => Some("x:1,y:2".to_owned()),
            "LANES" => Some("4".to_owned()),
            "CREATE" => Some("false".to_owned()),
            "SESSION" => Some("9s".to_owned()),
            "TOPIC" => Some("t1".to_owned()),
            _ => None,
        }
    }

    fn file(&self, path: &str) -> io::Result<String> {
        if path == "servers" { Ok("z:3".to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn parse(text: &str) -> JobFile {
    JobFile::parse("j.yaml", text, &Fixed).map_err(|e| e.to_string()).unwrap()
}

fn kafka_to_kafka(topics: &[&str]) -> JobFile {
    let topics = topics.iter().map(|t| t.parse().unwrap()).collect();
    let source = KafkaSource::new("a:1".parse().unwrap(), topics);
    let sink = KafkaSink::new("b:1".parse().unwrap());
    JobFile::new(JobName::new("orders-dr"), Source::Kafka(source), Sink::Kafka(sink))
}

const FULL: &str = r#"
job: orders-dr
source:
  kafka:
    bootstrap_servers: "127.0.0.1:19092"
    topics: ["orders", "/payments\\..*/"]
    exclude: ["payments.test", "/.*-internal/"]
    start: { timestamp: "2026-01-01T00:00:00Z" }
    gap_policy: continue
    isolation: read_uncommitted
    client: { request_timeout: 20s, connect_timeout: 5s, client_id: dr }
sink:
  kafka:
    bootstrap_servers: "127.0.0.1:29092"
    topic: "dr.{topic}"
    partition: same
    create_topics: true
    replication_factor: 3
    session_timeout: 6s
    heartbeat_interval: 300ms
state_dir: /var/lib/velostream
lanes: 2
exactly_once:
  pass_through: off
  record_id_strategy: source_position
  transaction: { max_interval: 200ms, max_bytes: 8MiB }
processing: { retry_backoff: 1s, max_decoded_bytes: 64MiB }
http: { listen: "127.0.0.1:9464" }
"#;

#[test]
fn full_file_sets_every_field_that_it_names() {
    let job = parse(FULL);
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else { panic!() };
    assert_eq!(source.topics[0], TopicPattern::Name("orders".to_owned()));
    assert_eq!(source.topics[1].to_string(), "/payments\\..*/");
    assert_eq!(source.exclude.len(), 2);
    assert!(matches!(source.start, Start::Timestamp(t) if t.unix_ms() == 1_767_225_600_000));
    assert_eq!((source.gap_policy, source.isolation), (GapPolicy::Continue, Isolation::ReadUncommitted));
    assert_eq!(source.client.request_timeout, Duration::from_secs(20));
    assert_eq!(sink.destination("orders"), "dr.orders");
    assert_eq!((sink.replication_factor, sink.create_topics, job.lanes), (Some(3), true, 2));
    assert_eq!(job.exactly_once.pass_through, PassThrough::Off);
    assert_eq!(job.exactly_once.transaction.max_bytes, 8 << 20);
    assert_eq!(job.processing.max_decoded_bytes, 64 << 20);
    assert_eq!(job.http.unwrap().listen.port(), 9464);
}

#[test]
fn short_file_means_the_same_as_the_constructors() {
    let text = "job: orders-dr\nsource: {kafka: {bootstrap_servers: 'a:1', topics: [orders]}}\nsink: {kafka: {bootstrap_servers: 'b:1'}}\n";
    assert_eq!(parse(text), kafka_to_kafka(&["orders"]));
}

#[test]
fn variables_reach_text_numbers_truth_values_durations_and_list_items() {
    let job = parse(
        r#"
job: a
lanes: ${LANES}
source: { kafka: { bootstrap_servers: "${BROKERS}", topics: ["${TOPIC}", "x-${TOPIC}"] } }
sink: { kafka: { bootstrap_servers: "${file:servers}", create_topics: "${CREATE}", session_timeout: "${SESSION:-6s}" } }
"#,
    );
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else { panic!() };
    assert_eq!(job.lanes, 4);
    assert_eq!(source.bootstrap_servers.addresses(), ["x:1", "y:2"]);
    assert_eq!(source.topics[1], TopicPattern::Name("x-t1".to_owned()));
    assert_eq!(sink.bootstrap_servers.addresses(), ["z:3"]);
    assert!(!sink.create_topics);
    assert_eq!(sink.session_timeout, Duration::from_secs(9));
}

#[test]
fn anchors_and_merge_keys_work_as_in_yaml() {
    let job = parse(
        r#"
job: a
source: { kafka: { bootstrap_servers: "a:1", topics: [t], client: &c { client_id: me } } }
sink: { kafka: { bootstrap_servers: "b:1", client: { <<: *c, request_timeout: 1s } } }
"#,
    );
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else { panic!() };
    assert_eq!((source.client.client_id.as_str(), sink.client.client_id.as_str()), ("me", "me"));
}

#[test]
fn file_to_file_job_is_accepted() {
    let job = parse(
        "job: a\nsource: { file: { path: 'in/*.ndjson', format: lines, follow: true } }\nsink: { file: { path: out/a.ndjson } }\n",
    );
    let Source::File(source) = &job.source else { panic!() };
    assert_eq!(source.path, "in/*.ndjson");
    assert!(source.follow);
}

#[test]
fn written_job_loads_back_equal() {
    let mut jobs = vec![parse(FULL), kafka_to_kafka(&["orders", "/a\\.\"b'c: #x/"])];
    let (source, sink) = (FileSource::new("in ${A} $${B}/*.ndjson"), FileSink::new("out: #1/a.ndjson"));
    jobs.push(JobFile::new(JobName::new("true"), Source::File(source), Sink::File(sink)));
    jobs.push(JobFile::new(
        JobName::new("no"),
        Source::File(FileSource::new("- a")),
        Sink::File(FileSink::new("\u{e9} 1e3")),
    ));
    for job in jobs {
        job.validate().unwrap();
        let yaml = job.to_yaml().unwrap();
        let back = JobFile::parse("j.yaml", &yaml, &Fixed).map_err(|e| format!("{e}\n{yaml}")).unwrap();
        assert_eq!(back, job, "{yaml}");
    }
}

#[test]
fn job_put_together_wrongly_is_refused_with_its_path() {
    let mut job = kafka_to_kafka(&[]);
    job.lanes = 65;
    let text = job.validate().unwrap_err().to_string();
    assert_eq!(text, "lanes: out of range; source.kafka.topics: no topic is named");
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_or_accepted_without_panic(text in "\\PC*") {
        drop(JobFile::parse("j.yaml", &text, &Fixed));
    }

    #[test]
    fn damaged_job_file_is_refused_or_accepted_without_panic(
        at in 0_usize..1200,
        cut in 0_usize..40,
        put in "[\\PC\\n]{0,12}",
    ) {
        let chars: Vec<char> = FULL.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        let text: String = chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        if let Err(error) = JobFile::parse("j.yaml", &text, &Fixed)
            && let exactly_once::Error::Config { source } = error
        {
            for problem in source.problems() {
                let place = problem.place.unwrap();
                prop_assert!(text.get(place.offset..place.offset + place.length).is_some());
            }
        }
    }

    #[test]
    fn durations_and_sizes_of_any_kind_load_back_equal(ns in 1_000_000_u64..600_000_000_000, bytes in 1024_u64..(1 << 30)) {
        let mut job = kafka_to_kafka(&["orders"]);
        let Source::Kafka(source) = &mut job.source else { panic!() };
        source.client.reconnect_backoff_max = Duration::from_nanos(ns);
        source.queue_bytes = bytes;
        prop_assert_eq!(parse(&job.to_yaml().unwrap()), job);
    }
}

#[test]
fn file_with_content_ids_sets_every_field_of_them_and_loads_back_equal() {
    let text = r#"
job: audit
source: { file: { path: "in/*" } }
sink: { file: { path: out } }
exactly_once:
  record_id_strategy: { composite: { fields: [key, "value:/order/id", "header:kind"] } }
  deduplication_window: 7d
  cleanup_interval: 10m
  checkpoint_interval: 5s
  max_tracked_records: 5000
  on_tracking_limit: shrink_window
  on_id_loss: stop
state_store: { redb: { path: /var/lib/audit.redb } }
"#;
    let job = parse(text);
    let ids = &job.exactly_once;
    assert_eq!(ids.record_id_strategy, RecordIds::composite(["key", "value:/order/id", "header:kind"]));
    assert_eq!(ids.deduplication_window, Duration::from_secs(7 * 86_400));
    assert_eq!(ids.cleanup_interval, Duration::from_secs(600));
    assert_eq!(ids.checkpoint_interval, Duration::from_secs(5));
    assert_eq!((ids.max_tracked_records, ids.on_tracking_limit), (5000, OnTrackingLimit::ShrinkWindow));
    assert_eq!(ids.on_id_loss, OnIdLoss::Stop);
    let store = StateStoreConfig::Redb(RedbStateConfig::new("/var/lib/audit.redb"));
    assert_eq!(job.state_store(), store);
    assert_eq!(parse(&job.to_yaml().unwrap()), job);
    let memory = parse(&text.replace("redb: { path: /var/lib/audit.redb }", "memory: {}"));
    assert_eq!(memory.state_store(), StateStoreConfig::Memory(MemoryStateConfig::default()));
    assert_eq!(parse(&memory.to_yaml().unwrap()), memory);
}

#[test]
fn window_is_by_arrival_unless_the_file_says_event() {
    let job = |tail: &str| {
        parse(&format!(
            "job: j\nsource: {{ kafka: {{ bootstrap_servers: \"a:1\", topics: [t] }} }}\n\
             sink: {{ kafka: {{ bootstrap_servers: \"b:1\" }} }}\n\
             exactly_once: {{ record_id_strategy: content_hash{tail} }}\n"
        ))
    };
    let time = |tail: &str| job(tail).exactly_once.deduplication_time;
    assert_eq!(time(""), DeduplicationTime::Arrival);
    assert_eq!(time(", deduplication_time: arrival"), DeduplicationTime::Arrival);
    assert_eq!(time(", deduplication_time: event"), DeduplicationTime::Event);
    let event = job(", deduplication_time: event");
    assert_eq!(parse(&event.to_yaml().unwrap()), event);
}

#[test]
fn ids_are_shared_where_a_set_is_named_and_the_store_has_sets() {
    let job = |tail: &str, store: &str| {
        parse(&format!(
            "job: j\nsource: {{ file: {{ path: in }} }}\nsink: {{ file: {{ path: out }} }}\n\
             exactly_once: {{ record_id_strategy: content_hash{tail} }}\nstate_store: {{ {store} }}\n"
        ))
    };
    let redis = "redis: { url: \"redis://localhost\" }";
    assert_eq!(job("", redis).exactly_once.shared_ids, None);
    for store in [redis, "postgres: { url: \"postgresql://localhost/s\" }"] {
        let shared = job(", shared_ids: orders.eu-1", store);
        assert_eq!(shared.exactly_once.shared_ids.as_deref(), Some("orders.eu-1"));
        assert_eq!(parse(&shared.to_yaml().unwrap()), shared);
    }
}

#[test]
fn job_without_a_state_store_has_one_file_below_its_own_directory() {
    let job = parse("job: j\nsource: { file: { path: in } }\nsink: { file: { path: out } }\nstate_dir: s\n");
    assert_eq!(job.state_store(), StateStoreConfig::Redb(RedbStateConfig::new("s/j/state.redb")));
}
