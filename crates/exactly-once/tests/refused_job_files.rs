//! Every kind of mistake in a job file, with the exact words that it gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io;

use exactly_once::Error;
use exactly_once::config::{JobFile, Problem, Variables};
use exactly_once::core::{self, Code, Disposition};

struct Fixed;

impl Variables for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "LANES" => Some("four".to_owned()),
            "SECRET" => Some("hunter2".to_owned()),
            _ => None,
        }
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const VALID: &str = r#"job: orders-dr
source:
  kafka:
    bootstrap_servers: "a:9092"
    topics: ["orders"]
sink:
  kafka:
    bootstrap_servers: "b:9092"
"#;

fn error(text: &str) -> Error {
    JobFile::parse("j.yaml", text, &Fixed).expect_err("must be refused")
}

/// `line:column "what the place covers" path: message | remedy`, one line per problem.
fn words(text: &str) -> String {
    let Error::Config { source } = error(text) else { panic!("not a configuration error") };
    let show = |problem: &Problem| {
        let place = problem.place.expect("has a place");
        let covered = text.get(place.offset..place.offset + place.length).expect("inside the text");
        let remedy = problem.remedy.as_deref().unwrap_or("-");
        format!("{}:{} {covered:?} {problem} | {remedy}", place.line, place.column)
    };
    source.problems().iter().map(show).collect::<Vec<_>>().join("\n")
}

/// The words for the valid job with one change.
fn changed(from: &str, to: &str) -> String {
    assert!(VALID.contains(from), "{from:?} is not in the valid job");
    words(&VALID.replacen(from, to, 1))
}

fn appended(tail: &str) -> String {
    words(&format!("{VALID}{tail}"))
}

#[test]
fn valid_job_is_accepted() {
    JobFile::parse("j.yaml", VALID, &Fixed).unwrap();
}

#[test]
fn unknown_field_is_named_with_the_nearest_known_one() {
    assert_eq!(
        changed("topics", "topcis"),
        r#"5:5 "topcis" source.kafka: unknown field `topcis` | did you mean `topics`? Known here: `bootstrap_servers`, `topics`, `exclude`, `start`, `gap_policy`, `isolation`, `fetch_max_bytes`, `partition_max_bytes`, `queue_bytes`, `client`"#
    );
    assert_eq!(
        changed("job:", "jbo:"),
        r#"1:1 "jbo" unknown field `jbo` | did you mean `job`? Known here: `job`, `source`, `sink`, `lanes`, `exactly_once`, `state_store`, `state_dir`, `processing`, `http`"#
    );
    assert_eq!(
        changed("\"b:9092\"", "\"b:9092\"\n    client: { request_timeuot: 3s }"),
        r#"9:15 "request_timeuot" sink.kafka.client: unknown field `request_timeuot` | did you mean `request_timeout`? Known here: `client_id`, `connect_timeout`, `request_timeout`, `reconnect_backoff`, `reconnect_backoff_max`, `max_in_flight_bytes`, `max_response_bytes`"#
    );
    assert_eq!(
        appended("query: {}\n"),
        r#"9:1 "query" unknown field `query` | known here: `job`, `source`, `sink`, `lanes`, `exactly_once`, `state_store`, `state_dir`, `processing`, `http`"#
    );
    assert_eq!(
        appended("sinks: []\n"),
        r#"9:1 "sinks" unknown field `sinks` | did you mean `sink`? Known here: `job`, `source`, `sink`, `lanes`, `exactly_once`, `state_store`, `state_dir`, `processing`, `http`"#
    );
    assert_eq!(
        appended("state_store: { redis: {} }\n"),
        r#"9:23 "{" state_store.redis: the field `url` is missing | add it: url: .."#
    );
}

#[test]
fn unknown_variant_is_named_with_the_nearest_known_one() {
    assert_eq!(
        changed("sink:\n  kafka", "sink:\n  kafak"),
        r#"7:3 "kafak" sink: unknown value `kafak` | did you mean `kafka`? Known here: `kafka`, `file`"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[\"a\", \"b\"]\n    start: sometime"),
        r#"6:12 "sometime" source.kafka.start: unknown value `sometime` | known here: `earliest`, `latest`, `timestamp`"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: contents }\n"),
        r#"9:37 "contents" exactly_once.record_id_strategy: unknown value `contents` | did you mean `content_hash`? Known here: `source_position`, `content_hash`, `composite`"#
    );
}

#[test]
fn wrong_type_says_what_is_expected_and_what_stands_there() {
    assert_eq!(
        changed("[\"orders\"]", "orders"),
        r#"5:13 "orders" source.kafka.topics: expected a list, found text | write a list: ["a", "b"]"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[7]"),
        r#"5:14 "7" source.kafka.topics[0]: expected text, found a whole number | put quotes around it"#
    );
    assert_eq!(
        changed("job: orders-dr", "job: 12"),
        r#"1:6 "12" job: expected text, found a whole number | put quotes around it"#
    );
    assert_eq!(
        changed("\"b:9092\"", "\"b:9092\"\n    client:"),
        r#"9:11 "" sink.kafka.client: expected a mapping, found nothing | write {} for the defaults"#
    );
    assert_eq!(
        changed("source:\n  kafka:", "source: kafka\nx:\n  y:"),
        r#"2:9 "kafka" source: `kafka` needs settings | write it as a mapping: { kafka: .. }"#
    );
    assert_eq!(
        changed("\"b:9092\"", "\"b:9092\"\n    create_topics: yes"),
        r#"9:20 "yes" sink.kafka.create_topics: expected `true` or `false`, found text | write `true` or `false` here"#
    );
    assert_eq!(
        appended("lanes: two\n"),
        r#"9:8 "two" lanes: expected a whole number, found text | write a whole number here"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[\"a\"]\n    start: timestamp"),
        r#"6:12 "timestamp" source.kafka.start: `timestamp` needs settings | write it as a mapping: { timestamp: .. }"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[\"a\"]\n    start: { latest: 1 }"),
        r#"6:22 "1" source.kafka.start: `latest` takes no settings | -"#
    );
    assert_eq!(words("job"), r#"1:1 "job" expected a mapping, found text | write a mapping here"#);
    assert_eq!(words("[]"), r#"1:1 "[" expected a mapping, found a list | write a mapping here"#);
    assert_eq!(words("job: a\nsource: {}\nsink: {}\n"), r#"2:9 "{" source: expected `kafka` or `file` | -"#);
}

#[test]
fn missing_field_is_named_with_the_mapping_that_lacks_it() {
    assert_eq!(changed("job: orders-dr\n", ""), r#"1:1 "" the field `job` is missing | add it: job: .."#);
    assert_eq!(appended("http: {}\n"), r#"9:7 "{" http: the field `listen` is missing | add it: listen: .."#);
}

#[test]
fn second_source_is_refused() {
    assert_eq!(
        changed("source:\n", "source:\n  file: { path: x }\n"),
        r#"4:3 "kafka" source: exactly one of `kafka` or `file` is expected, found `file` and `kafka` | keep one of them"#
    );
    assert_eq!(
        changed("kafka:\n", "kafka: {}\n  file:\n    path: x\n  kafkas:\n"),
        r#"4:3 "file" source: exactly one of `kafka` or `file` is expected, found `kafka` and `file` and `kafkas` | keep one of them"#
    );
}

#[test]
fn duplicate_key_is_refused_where_it_stands_again() {
    assert_eq!(
        appended("lanes: 1\nlanes: 2\n"),
        r#"10:1 "lanes" the key `lanes` stands here for the second time | keep one of them"#
    );
}

#[test]
fn empty_list_of_topics_is_refused() {
    assert_eq!(
        changed("\"orders\"", ""),
        r#"5:13 "[" source.kafka.topics: no topic is named | write names or expressions: ["orders", "/payments\\..*/"]"#
    );
}

#[test]
fn bad_topic_says_whether_name_or_expression_is_wrong() {
    assert_eq!(
        changed("\"orders\"", "\"/(/\""),
        r#"5:14 "\"/(/\"" source.kafka.topics[0]: not a regular expression: unclosed group | the expression stands between slashes: /orders\..*/"#
    );
    assert_eq!(
        changed("\"orders\"", "\"a b\""),
        r#"5:14 "\"a b\"" source.kafka.topics[0]: not the name of a topic | write letters, digits, `.`, `_` or `-`, at most 249; a regular expression stands between slashes: /orders\..*/"#
    );
}

#[test]
fn name_outside_the_grammar_is_refused() {
    assert_eq!(
        changed("job: orders-dr", "job: Orders"),
        r#"1:6 "Orders" job: not the name of a job | write a lower-case letter, then letters, digits, `_` or `-`, at most 48 in all"#
    );
    assert_eq!(
        changed("\"b:9092\"", "\"b:9092\"\n    client: { client_id: \"a b\" }"),
        r#"9:26 "\"a b\"" sink.kafka.client.client_id: not a client id | write 1 to 249 printable ASCII characters without spaces"#
    );
}

#[test]
fn address_that_is_none_is_refused() {
    assert_eq!(
        changed("\"a:9092\"", "\"a\""),
        r#"4:24 "\"a\"" source.kafka.bootstrap_servers: not a list of brokers | write host:port, or several separated by commas"#
    );
    assert_eq!(
        appended("http: { listen: localhost }\n"),
        r#"9:17 "localhost" http.listen: not an address | write an IP address and a port: 127.0.0.1:9464"#
    );
}

#[test]
fn variable_that_cannot_be_resolved_is_pointed_at_inside_its_scalar() {
    assert_eq!(
        changed("\"a:9092\"", "\"${NOPE}\""),
        r#"4:25 "${NOPE}" source.kafka.bootstrap_servers: the variable `NOPE` is not set | set it, or give it a default: ${NOPE:-default}"#
    );
    assert_eq!(
        changed("\"a:9092\"", "${A"),
        r#"4:24 "${" source.kafka.bootstrap_servers: a variable is not closed | write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a literal ${"#
    );
    assert_eq!(
        changed("\"a:9092\"", "${file:pw}"),
        r#"4:24 "${file:pw}" source.kafka.bootstrap_servers: cannot read the file `pw`: entity not found | paths are relative to the job file; the file must be UTF-8 of at most 64 KiB"#
    );
}

#[test]
fn value_of_a_variable_never_appears_in_a_message() {
    assert_eq!(
        changed("\"a:9092\"", "\"x-${SECRET} \""),
        r#"4:24 "\"x-${SECRET} \"" source.kafka.bootstrap_servers: not a list of brokers | write host:port, or several separated by commas"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[\"a\"]\n    start: ${SECRET}"),
        r#"6:12 "${SECRET}" source.kafka.start: the value of the variable is unknown | known here: `earliest`, `latest`, `timestamp`"#
    );
    assert_eq!(
        appended("lanes: ${LANES}\n"),
        r#"9:8 "${LANES}" lanes: expected a whole number, found text | write a whole number here"#
    );
}

#[test]
fn duration_without_sense_gets_an_example() {
    assert_eq!(
        appended("exactly_once: { transaction: { max_interval: 30 } }\n"),
        r#"9:46 "30" exactly_once.transaction.max_interval: a duration needs its unit | write a number with a unit: 200ms, 30s, 5m, 24h"#
    );
    assert_eq!(
        appended("exactly_once: { transaction: { max_interval: soon } }\n"),
        r#"9:46 "soon" exactly_once.transaction.max_interval: not a duration | write a number with a unit: 200ms, 30s, 5m, 24h"#
    );
    assert_eq!(
        changed("[\"orders\"]", "[\"a\"]\n    start: { timestamp: yesterday }"),
        r#"6:25 "yesterday" source.kafka.start.timestamp: not a time | write it in UTC: 2026-01-01T00:00:00Z"#
    );
}

#[test]
fn size_without_sense_gets_an_example() {
    assert_eq!(
        appended("exactly_once: { transaction: { max_bytes: 100 } }\n"),
        r#"9:43 "100" exactly_once.transaction.max_bytes: a size needs its unit | write a number with a unit: 64KiB, 8MiB, 1GiB"#
    );
    assert_eq!(
        appended("exactly_once: { transaction: { max_bytes: lots } }\n"),
        r#"9:43 "lots" exactly_once.transaction.max_bytes: not a size | write a number with a unit: 64KiB, 8MiB, 1GiB"#
    );
}

#[test]
fn value_out_of_range_gets_the_range() {
    assert_eq!(appended("lanes: 0\n"), r#"9:8 "0" lanes: out of range | write a number from 1 to 64"#);
    assert_eq!(
        appended("lanes: 70000\n"),
        r#"9:8 "70000" lanes: out of range | write a number from 0 to 65535"#
    );
    assert_eq!(appended("lanes: -1\n"), r#"9:8 "-1" lanes: out of range | write a number from 0 to 65535"#);
    assert_eq!(
        appended("exactly_once: { transaction: { max_bytes: 1B } }\n"),
        r#"9:43 "1B" exactly_once.transaction.max_bytes: out of range | write a size from 1KiB to 1GiB"#
    );
    assert_eq!(changed("\"b:9092\"", "\"b:9092\"\n    replication_factor: 0\n    session_timeout: 1ms"), [
r#"9:25 "0" sink.kafka.replication_factor: out of range | write a number from 1 to 100, or leave it out"#,
r#"10:22 "1ms" sink.kafka.session_timeout: out of range | write a duration from 1s to 30m"#,
].join("\n"));
    assert_eq!(
        appended("exactly_once: { transaction: { max_interval: 20m, max_bytes: 8 MB } }\n"),
        r#"9:46 "20m" exactly_once.transaction.max_interval: out of range | write a duration from 1ms to 10m"#
    );
    assert_eq!(appended("state_dir: \"\"\n"), r#"9:12 "\"\"" state_dir: empty | write a path"#);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    assert_eq!(
        changed("\"b:9092\"", "\"a:9092\""),
        r#"8:5 "" sink.kafka.topic: source and sink are the same topics of the same cluster | give the destination another name, for example copy.{topic}"#
    );
    assert_eq!(
        changed("[\"orders\"]\nsink:\n  kafka:\n", "[\"a\", \"b\"]\nsink:\n  kafka:\n    topic: all\n"),
        r#"8:12 "all" sink.kafka.topic: several topics would meet in one | use {topic} for the source topic, for example dr.{topic}"#
    );
    assert_eq!(
        changed("\"b:9092\"", "\"b:9092\"\n    heartbeat_interval: 3s"),
        r#"9:25 "3s" sink.kafka.heartbeat_interval: a session needs three heartbeats | write at most 2s"#
    );
    assert_eq!(
        appended("exactly_once: { transaction: { max_interval: 9s } }\n"),
        r#"9:46 "9s" exactly_once.transaction.max_interval: the broker would abort such a transaction | write at most half of sink.kafka.transaction_timeout: 5s"#
    );
    assert_eq!(
        appended("processing: { retry_backoff: 10s }\n"),
        r#"9:30 "10s" processing.retry_backoff: longer than retry_backoff_max | write at most 5s"#
    );
    assert_eq!(words("job: a\nsource: { file: { path: \"\" } }\nsink: { file: { path: \"out/\" } }\nlanes: 2\n"), [
r#"2:25 "\"\"" source.file.path: empty | write a path"#,
r#"3:23 "\"out/\"" sink.file.path: a directory | write the name of a file in it too: out/orders.ndjson"#,
].join("\n"));
    assert_eq!(
        words("job: a\nsource: { file: { path: i } }\nsink: { kafka: { bootstrap_servers: \"a:1\" } }\n"),
        r#"3:16 "{" sink.kafka: lines of files cannot be delivered to Kafka yet | read from Kafka (source: { kafka: .. }), or write to files (sink: { file: .. })"#
    );
}

#[test]
fn text_that_is_not_yaml_is_refused_where_it_breaks() {
    assert_eq!(
        changed("[\"orders\"]", "{ a: ${B} }"),
        r#"5:19 "" not valid YAML: while parsing a flow mapping, did not find expected ',' or '}' | put quotes around a variable: "${NAME}""#
    );
    assert_eq!(
        appended("---\njob: x\n"),
        r#"10:1 "" the file holds more than one document | write one job per file"#
    );
    assert_eq!(
        appended("x: &a [*a]\n"),
        r#"9:8 "*a" not valid YAML: recursive references require weak recursion types | -"#
    );
    assert_eq!(appended("lanes: [\n"), r#"9:8 "" not valid YAML: unclosed bracket '[' | -"#);
    assert_eq!(appended("\"lanes: 3\n"), r#"9:1 "" not valid YAML: unclosed quote | -"#);
}

#[test]
fn file_without_a_job_is_called_empty() {
    assert_eq!(words(""), r#"1:1 "" the file is empty | `velostream init DIR` writes one to start from"#);
    assert_eq!(
        words("# only\n"),
        r#"2:1 "" the file is empty | `velostream init DIR` writes one to start from"#
    );
}

#[test]
fn several_unresolved_variables_are_reported_together_in_the_order_of_the_file() {
    let text = VALID.replace("a:9092", "${ONE}").replace("b:9092", "${TWO}");
    let lines: Vec<_> = words(&text).lines().map(|l| l.split(" | ").next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "4:25 \"${ONE}\" source.kafka.bootstrap_servers: the variable `ONE` is not set",
            "8:25 \"${TWO}\" sink.kafka.bootstrap_servers: the variable `TWO` is not set",
        ]
    );
}

#[test]
fn refused_file_is_rejected_with_its_code_and_place() {
    let error = error("job: Orders\nsource: {}\n");
    assert_eq!(error.to_string(), "j.yaml:2:9: source: expected `kafka` or `file`");
    let error = core::Error::from(error);
    assert_eq!((error.code(), error.disposition()), (Code::Config, Disposition::Reject));
}

#[test]
fn file_that_cannot_be_read_is_rejected_with_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.yaml");
    let error = JobFile::load(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the job file cannot be read", path.display()));
    assert_eq!((error.code(), error.disposition()), (Code::ConfigFile, Disposition::Reject));
    std::fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    assert_eq!(JobFile::load(&path).unwrap_err().code(), Code::ConfigFile);
    std::fs::write(&path, b"job: \xff\n").unwrap();
    assert_eq!(JobFile::load(&path).unwrap_err().code(), Code::ConfigFile);
}

#[test]
fn settings_of_ids_are_refused_where_no_part_needs_them_or_they_contradict_the_job() {
    assert_eq!(
        appended("exactly_once: { deduplication_window: 7d }\n"),
        r#"9:39 "7d" exactly_once.deduplication_window: records that are identified by their place in the source need no ids to be remembered | leave it out, or set record_id_strategy: content_hash"#
    );
    assert_eq!(
        appended("exactly_once: { deduplication_time: event }\n"),
        r#"9:37 "event" exactly_once.deduplication_time: records that are identified by their place in the source need no ids to be remembered | leave it out, or set record_id_strategy: content_hash"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: content_hash, deduplication_time: events }\n"),
        r#"9:71 "events" exactly_once.deduplication_time: unknown value `events` | did you mean `event`? Known here: `arrival`, `event`"#
    );
    assert_eq!(
        words(
            "job: j\nsource: { file: { path: in } }\nsink: { file: { path: out } }\n\
             exactly_once: { record_id_strategy: content_hash, deduplication_time: event }\n"
        ),
        r#"4:71 "event" exactly_once.deduplication_time: lines of files have no time of their own | write arrival, or leave it out"#
    );
    assert_eq!(
        appended("exactly_once: { shared_ids: s }\n"),
        r#"9:29 "s" exactly_once.shared_ids: records that are identified by their place in the source need no ids to be remembered | leave it out, or set record_id_strategy: content_hash"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: content_hash, shared_ids: Sales EU }\n"),
        r#"9:63 "Sales EU" exactly_once.shared_ids: not a name | write 1 to 200 of a-z, 0-9, '.', '_' and '-'"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: content_hash, shared_ids: s }\n"),
        r#"9:63 "s" exactly_once.shared_ids: jobs share ids in a store that all of them reach and that can take several ids in one step | name one in state_store: redis or postgres"#
    );
    let redis = "state_store: { redis: { url: \"redis://localhost\" } }\n";
    assert_eq!(
        appended(&format!(
            "exactly_once: {{ record_id_strategy: content_hash, shared_ids: s, deduplication_time: event }}\n{redis}"
        )),
        r#"9:86 "event" exactly_once.deduplication_time: ids that jobs share are dated by their delivery | write arrival, or leave it out"#
    );
    assert_eq!(
        appended(&format!(
            "exactly_once: {{ record_id_strategy: content_hash, shared_ids: s, on_tracking_limit: shrink_window }}\n{redis}"
        )),
        r#"9:85 "shrink_window" exactly_once.on_tracking_limit: the window is that of all jobs that share the ids, so that one of them cannot make it shorter | write stop, or leave it out"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: content_hash }\nlanes: 2\n"),
        r#"10:8 "2" lanes: ids of a job are kept by one lane, which sees all its records | write 1, or leave it out"#
    );
    assert_eq!(
        words(&format!(
            "{}exactly_once: {{ record_id_strategy: content_hash }}\n",
            VALID.replace("[\"orders\"]", "[\"orders\"]\n    gap_policy: continue")
        )),
        r#"6:17 "continue" source.kafka.gap_policy: behind a gap positions may come again, so that no position says which ids are kept | write stop, or leave it out"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: { composite: { fields: [key, key] } } }\n"),
        r#"9:60 "[" exactly_once.record_id_strategy.composite.fields: composite field "key": it is listed twice | write for example [key, "value:/id"]"#
    );
    assert_eq!(
        appended("exactly_once: { record_id_strategy: content_hash, max_tracked_records: 0 }\n"),
        r#"9:72 "0" exactly_once.max_tracked_records: out of range | write a number from 1 to 1000000000"#
    );
    assert_eq!(
        appended("state_store: { redb: { path: '' } }\n"),
        r#"9:30 "''" state_store.redb.path: empty | write a path"#
    );
}
