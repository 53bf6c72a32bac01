//! Ids are deterministic, injective and parse back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken test shows itself by a panic")]

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use velostream_core::{Header, KafkaPartition, SourcePosition, StreamRecord, TopicId};
use velostream_record_id::{
    CompositeFields, Error, Field, FieldValue, MAX_ID_BYTES, RecordId, RecordIdStrategy, RecordIdentifier,
    RecordMetadata, Result, TrackerKey,
};

const GOLDEN_HASH: &str = "sha256:87593ed65f6d7511fdbc8eb07685b3858fb4f53019e337ca73f9a6c919668e26";

fn record() -> StreamRecord {
    StreamRecord {
        key: Some(Bytes::from_static(b"k")),
        value: Some(Bytes::from_static(b"{\"id\":7,\"at\":{\"s\":\"a/b\"},\"f\":1.5,\"n\":null}")),
        headers: vec![header("h", Some("1")), header("h", None), header("g", Some(""))],
        timestamp_ms: -1,
        position: kafka("c", "t", 3, 42),
    }
}

fn header(name: &'static str, value: Option<&'static str>) -> Header {
    Header {
        name: Bytes::from_static(name.as_bytes()),
        value: value.map(|v| Bytes::from_static(v.as_bytes())),
    }
}

fn kafka(cluster: &str, topic: &str, partition: i32, offset: i64) -> SourcePosition {
    let topic_id = TopicId([0xab; 16]);
    SourcePosition::Kafka {
        partition: Arc::new(KafkaPartition {
            cluster_id: cluster.into(),
            topic: topic.into(),
            topic_id,
            partition,
        }),
        offset,
        leader_epoch: -1,
    }
}

fn at(position: SourcePosition) -> StreamRecord {
    StreamRecord { position, ..record() }
}

fn composite(fields: &[&str]) -> RecordIdStrategy {
    RecordIdStrategy::Composite { fields: CompositeFields::parse(fields).unwrap() }
}

fn id(strategy: &RecordIdStrategy, record: &StreamRecord) -> RecordId {
    let id = strategy.generate_id(record).unwrap();
    strategy.validate_id(&id).unwrap();
    assert_eq!(RecordId::from_text(&id.to_string()).unwrap(), id);
    id
}

/// The spellings are an interface: sinks keep them as keys.
#[test]
fn ids_of_a_known_record_never_change() {
    let record = record();
    assert_eq!(
        id(&RecordIdStrategy::SourcePosition, &record).to_string(),
        "kafka://c/t/abababababababababababababababab/3/42"
    );
    let fields = ["key", "header:h", "header:x", "value:/id", "value:/at/s", "value:/n", "timestamp"];
    assert_eq!(
        id(&composite(&fields), &record).to_string(),
        "composite:key=k&header%3Ah=1&header%3Ah~&header%3Ax!&value%3A%2Fid=7&value%3A%2Fat%2Fs=%22a%2Fb%22&\
         value%3A%2Fn~&timestamp=-1"
    );
    let hash = id(&RecordIdStrategy::ContentHash, &record);
    assert_eq!(hash.to_string(), GOLDEN_HASH);
    assert_eq!(hash.tracker_key().0[..], hash.digest().unwrap()[..16]);
}

#[test]
fn content_hash_null_and_empty_differ() {
    let strategy = RecordIdStrategy::ContentHash;
    let of = |key: Option<&'static str>, value: Option<&'static str>, headers: Vec<Header>| {
        let bytes = |t: Option<&'static str>| t.map(|t| Bytes::from_static(t.as_bytes()));
        id(&strategy, &StreamRecord { key: bytes(key), value: bytes(value), headers, ..record() })
    };
    let ids = [
        of(None, None, vec![]),
        of(Some(""), None, vec![]),
        of(None, Some(""), vec![]),
        of(Some(""), Some(""), vec![]),
        of(Some("a"), Some(""), vec![]),
        of(Some(""), Some("a"), vec![]),
        of(None, None, vec![header("", None)]),
        of(None, None, vec![header("", Some(""))]),
        of(None, None, vec![header("", None), header("", None)]),
    ];
    for (n, a) in ids.iter().enumerate() {
        assert!(ids[n + 1..].iter().all(|b| a != b), "{n}");
    }
}

#[test]
fn content_hash_header_order_counts_and_position_does_not() {
    let strategy = RecordIdStrategy::ContentHash;
    let mut swapped = record();
    swapped.headers.swap(0, 2);
    assert_ne!(id(&strategy, &record()), id(&strategy, &swapped));
    let moved = StreamRecord { position: kafka("z", "z", 0, 0), timestamp_ms: 5, ..record() };
    assert_eq!(id(&strategy, &record()), id(&strategy, &moved));
}

#[test]
fn textual_ids_with_a_common_prefix_have_different_tracker_keys() {
    let key = |offset| id(&RecordIdStrategy::SourcePosition, &at(kafka("c", "t", 0, offset))).tracker_key();
    let keys: std::collections::BTreeSet<TrackerKey> = (0..10_000).map(key).collect();
    assert_eq!(keys.len(), 10_000);
}

#[test]
fn position_ids_ignore_leader_epoch_and_line() {
    let mut later = record();
    if let SourcePosition::Kafka { leader_epoch, .. } = &mut later.position {
        *leader_epoch = 9;
    }
    let strategy = RecordIdStrategy::SourcePosition;
    assert_eq!(id(&strategy, &record()), id(&strategy, &later));
    let file = |line| at(SourcePosition::File { path: "f".into(), offset: 9, line });
    assert_eq!(id(&strategy, &file(1)), id(&strategy, &file(2)));
}

#[test]
fn other_spellings_and_foreign_ids_are_refused() {
    let positions = RecordIdStrategy::SourcePosition;
    for text in [
        "kafka://c/t/abababababababababababababababab/03/42",
        "kafka://c/t/abababababababababababababababab/3/+42",
        "kafka://c/t/ABABABABABABABABABABABABABABABAB/3/42",
        "kafka://c/t/abab/3/42",
        "kafka://c%74/t/abababababababababababababababab/3/42",
        "kafka://c/t/3/42",
        "file://a/1/2",
        "s3://a/1",
        "",
        "sha256:00",
    ] {
        let id = RecordId::from_text(text).unwrap();
        assert!(matches!(positions.validate_id(&id), Err(Error::NotAnId { .. })), "{text}");
    }
    let fields = composite(&["key", "header:h"]);
    for text in [
        "composite:key=k",
        "composite:header%3Ah!&key=k",
        "composite:key!&header%3Ah!",
        "composite:key=k&key=k&header%3Ah!",
        "composite:key=k&header%3Ah!&header%3Ah!",
        "composite:key=%6B&header%3Ah!",
        "composite:key~x&header%3Ah!",
        "key=k&header%3Ah!",
    ] {
        let id = RecordId::from_text(text).unwrap();
        assert!(matches!(fields.validate_id(&id), Err(Error::NotAnId { .. })), "{text}");
    }
    let upper = format!("sha256:{}", "AB".repeat(32));
    assert!(RecordIdStrategy::ContentHash.validate_id(&RecordId::from_text(&upper).unwrap()).is_err());
}

#[test]
fn json_fields_without_an_exact_text_are_refused() {
    for path in ["value:/f", "value:/at", "value:/missing", "key:/a"] {
        let error = composite(&[path]).generate_id(&record()).unwrap_err();
        assert!(matches!(error, Error::NoValue { .. }), "{path}");
        assert_eq!(velostream_core::Error::from(error).code(), velostream_core::Code::RecordId);
    }
    let big = StreamRecord { value: Some(Bytes::from_static(b"{\"f\":18446744073709551616}")), ..record() };
    assert!(composite(&["value:/f"]).generate_id(&big).is_err());
}

#[test]
fn field_lists_are_checked() {
    for fields in [&[][..], &["key", "key"], &["keys"], &["value:id"], &["topic:x"]] {
        assert!(matches!(CompositeFields::parse(fields), Err(Error::Field { .. })), "{fields:?}");
    }
    assert_eq!(Field::parse("header:a:b").unwrap(), Field::Header("a:b".into()));
}

#[test]
fn an_id_longer_than_the_limit_is_refused() {
    let long = StreamRecord { value: Some(vec![b'a'; MAX_ID_BYTES].into()), ..record() };
    assert!(matches!(composite(&["value"]).generate_id(&long), Err(Error::TooLong { .. })));
}

#[derive(Debug)]
struct ByKey;

impl RecordIdentifier for ByKey {
    fn generate_id(&self, record: &StreamRecord) -> Result<RecordId> {
        let key = record.key.as_deref().ok_or_else(|| Error::Custom { why: "no key".into() })?;
        RecordId::from_text(&format!("by-key:{}", String::from_utf8_lossy(key)))
    }

    fn validate_id(&self, id: &RecordId) -> Result<()> {
        let ours = id.text().is_some_and(|text| text.starts_with("by-key:"));
        if ours { Ok(()) } else { Err(Error::Custom { why: "not by key".into() }) }
    }

    fn extract_metadata(&self, id: &RecordId) -> Result<RecordMetadata> {
        self.validate_id(id).map(|()| RecordMetadata::new("by_key"))
    }
}

#[test]
fn a_custom_identifier_answers_for_itself() {
    let strategy = RecordIdStrategy::Custom(Arc::new(ByKey));
    let id = id(&strategy, &record());
    assert_eq!(id.to_string(), "by-key:k");
    assert_eq!(strategy.extract_metadata(&id).unwrap().strategy, "by_key");
    assert!(strategy.generate_id(&StreamRecord { key: None, ..record() }).is_err());
}

fn any_text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[ab/%:&=~!]{0,6}", "\\PC{0,8}"].prop_map(Arc::from)
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from)
}

/// Positions as far as they identify a record.
fn any_position() -> impl Strategy<Value = SourcePosition> {
    let kafka = (any_text(), any_text(), any::<[u8; 16]>(), any::<i32>(), any::<i64>());
    prop_oneof![
        kafka.prop_map(|(cluster_id, topic, id, partition, offset)| SourcePosition::Kafka {
            partition: Arc::new(KafkaPartition { cluster_id, topic, topic_id: TopicId(id), partition }),
            offset,
            leader_epoch: -1,
        }),
        (any_text(), any::<u64>()).prop_map(|(path, offset)| SourcePosition::File { path, offset, line: 0 }),
        (any_text(), any_bytes()).prop_map(|(table, after)| SourcePosition::Database { table, after }),
        (any_text(), any_bytes()).prop_map(|(kind, bytes)| SourcePosition::Custom { kind, bytes }),
    ]
}

/// Parts from a small set, so that equal ones meet.
fn any_record() -> impl Strategy<Value = StreamRecord> {
    let part = || prop_oneof![Just(None), "[a&=~!]{0,2}".prop_map(|t: String| Some(Bytes::from(t)))];
    let header = (prop_oneof![Just("h"), Just("g")], part())
        .prop_map(|(name, value)| Header { name: Bytes::from_static(name.as_bytes()), value });
    let headers = proptest::collection::vec(header, 0..3);
    (part(), part(), headers, -1i64..1, any_position()).prop_map(
        |(key, value, headers, timestamp_ms, position)| StreamRecord {
            key,
            value,
            headers,
            timestamp_ms,
            position,
        },
    )
}

/// What a composite of these fields must tell apart.
fn chosen(record: &StreamRecord) -> (Option<Bytes>, Vec<Option<Bytes>>, i64) {
    let named = record.headers.iter().filter(|h| &h.name[..] == b"h");
    (record.key.clone(), named.map(|h| h.value.clone()).collect(), record.timestamp_ms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn position_ids_parse_back(position in any_position()) {
        let id = id(&RecordIdStrategy::SourcePosition, &at(position.clone()));
        let metadata = RecordIdStrategy::SourcePosition.extract_metadata(&id).unwrap();
        prop_assert_eq!(metadata.position, Some(position));
    }

    #[test]
    fn position_ids_are_injective(a in any_position(), b in any_position()) {
        let of = |p: &SourcePosition| id(&RecordIdStrategy::SourcePosition, &at(p.clone()));
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }

    #[test]
    fn composite_ids_are_injective_in_their_fields(a in any_record(), b in any_record()) {
        let strategy = composite(&["key", "header:h", "timestamp"]);
        prop_assert_eq!(id(&strategy, &a) == id(&strategy, &b), chosen(&a) == chosen(&b));
    }

    #[test]
    fn composite_ids_parse_back(a in any_record()) {
        let strategy = composite(&["value", "header:h", "position"]);
        let fields = strategy.extract_metadata(&id(&strategy, &a)).unwrap().fields;
        let value = a.value.map_or(FieldValue::Null, |v| FieldValue::Bytes(v.to_vec()));
        prop_assert_eq!(&fields[0], &(Field::Value, value));
        let headers: Vec<_> = fields.iter().filter(|(f, _)| matches!(f, Field::Header(_))).collect();
        let named = a.headers.iter().filter(|h| &h.name[..] == b"h").count();
        prop_assert_eq!(headers.len(), named.max(1));
    }

    #[test]
    fn content_hash_agrees_exactly_where_the_content_does(a in any_record(), b in any_record()) {
        let content = |r: &StreamRecord| (r.key.clone(), r.value.clone(), r.headers.clone());
        let strategy = RecordIdStrategy::ContentHash;
        prop_assert_eq!(id(&strategy, &a) == id(&strategy, &b), content(&a) == content(&b));
    }

    #[test]
    fn text_that_validates_is_the_text_that_is_generated(text in "(kafka|file|custom)://[a%2F0-9/]{0,40}") {
        let id = RecordId::from_text(&text).unwrap();
        if let Ok(metadata) = RecordIdStrategy::SourcePosition.extract_metadata(&id) {
            let again = at(metadata.position.unwrap());
            prop_assert_eq!(RecordIdStrategy::SourcePosition.generate_id(&again).unwrap(), id);
        }
    }

    #[test]
    fn garbage_never_panics(text in "\\PC{0,60}") {
        for text in [format!("composite:{text}"), format!("kafka://{text}"), text] {
            let id = RecordId::from_text(&text).unwrap();
            composite(&["key"]).validate_id(&id).ok();
            RecordIdStrategy::SourcePosition.validate_id(&id).ok();
            RecordIdStrategy::ContentHash.validate_id(&id).ok();
        }
    }
}
