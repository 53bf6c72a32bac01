//! Checkpoints come back as they were, for ever, and nothing else comes back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken test shows itself by a panic")]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use velostream_checkpoint::{
    ActiveBatch, CheckpointId, Error, FORMAT, IdChunks, ProcessingCheckpoint, decode, encode, frozen,
};
use velostream_core::{
    BatchId, Code, Disposition, Epoch, KafkaPartition, Nonce, SourcePosition, SplitId, TopicId,
};
use velostream_envelope::{BodyCodec, Format};

const GOLDEN_V1: &str = include_str!("golden/checkpoint_v1.hex");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

fn chunks(bucket: u64, first: u64, last: u64) -> IdChunks {
    IdChunks { bucket, epoch: Epoch(3), nonce: Nonce(0xdead_beef), first, last, records: 1000 }
}

fn sample() -> ProcessingCheckpoint {
    let partition = KafkaPartition {
        cluster_id: "c1".into(),
        topic: "orders".into(),
        topic_id: TopicId([7; 16]),
        partition: 3,
    };
    let positions = BTreeMap::from([
        (
            SplitId::new("orders-3"),
            SourcePosition::Kafka { partition: partition.into(), offset: 1 << 40, leader_epoch: -1 },
        ),
        (SplitId::new("in/a"), SourcePosition::File { path: "in/a".into(), offset: 300, line: 7 }),
        (
            SplitId::new("t"),
            SourcePosition::Database { table: "s.t".into(), after: Bytes::from_static(b"\0k") },
        ),
        (SplitId::new("x"), SourcePosition::Custom { kind: "q".into(), bytes: Bytes::from_static(b"\xff") }),
    ]);
    ProcessingCheckpoint {
        source_positions: positions.clone(),
        processed_record_ids: vec![chunks(1, 1, 9), chunks(2, 10, 12)],
        active_batches: vec![ActiveBatch {
            batch: BatchId(8),
            next_positions: positions,
            record_ids: vec![chunks(2, 13, 13)],
        }],
        watermarks: BTreeMap::from([(SplitId::new("orders-3"), -5)]),
        ..ProcessingCheckpoint::new(CheckpointId(42), 1_700_000_000_000)
    }
}

#[test]
fn golden_bytes_of_version_1_decode_for_ever() {
    let bytes = encode(&sample()).unwrap();
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text, GOLDEN_V1.trim(), "the encoding of version 1 is frozen");
    assert_eq!(decode(&hex(GOLDEN_V1)).unwrap(), sample());
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let newer = velostream_envelope::encode(Format::new(FORMAT.magic, 2), BodyCodec::Bincode2, b"?").unwrap();
    let error = decode(&newer).unwrap_err().at("job/i/checkpoint");
    assert_eq!((error.code(), error.disposition()), (Code::StateVersion, Disposition::Reject));
    assert!(error.to_string().contains("job/i/checkpoint"), "{error}");
    assert!(error.to_string().contains("version 2 is newer than 1"), "{error}");
}

#[test]
fn a_body_with_bytes_left_over_or_in_another_codec_is_corrupt() {
    let mut body =
        velostream_envelope::decode(FORMAT, &encode(&sample()).unwrap(), 9999).unwrap().body.to_vec();
    let other = velostream_envelope::encode(FORMAT, BodyCodec::Json, &body).unwrap();
    assert!(matches!(decode(&other), Err(Error::Codec { version: 1 })));
    body.push(0);
    let longer = velostream_envelope::encode(FORMAT, BodyCodec::Bincode2, &body).unwrap();
    let error = decode(&longer).unwrap_err();
    assert!(matches!(error, Error::LeftOver { bytes: 1, .. }));
    assert_eq!(error.disposition(), Disposition::Corrupt);
}

/// Sealed by a right checksum, so that only the decoder itself stands between the count and the allocator.
#[test]
fn a_false_count_is_refused_before_anything_is_allocated() {
    for count in
        [[0xfc, 0xff, 0xff, 0xff, 0x7f].as_slice(), &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
    {
        let body = [&[1][..], count].concat();
        let bytes = velostream_envelope::encode(FORMAT, BodyCodec::Bincode2, &body).unwrap();
        let Err(Error::Body { source, .. }) = decode(&bytes) else { panic!("accepted") };
        let limited = matches!(source, bincode::error::DecodeError::LimitExceeded);
        assert!(limited || format!("{source:?}").contains("OutsideUsizeRange"), "{source:?}");
    }
}

#[test]
fn a_checkpoint_of_a_thousand_partitions_fits_its_limits() {
    let mut checkpoint = sample();
    for n in 0..1000 {
        let topic_id = TopicId([0; 16]);
        let partition =
            KafkaPartition { cluster_id: "cluster".into(), topic: "t".into(), topic_id, partition: n };
        checkpoint.source_positions.insert(
            SplitId::new(format!("t-{n}")),
            SourcePosition::Kafka { partition: partition.into(), offset: i64::MAX, leader_epoch: 1 },
        );
    }
    let bytes = encode(&checkpoint).unwrap();
    assert!(bytes.len() < 64_000, "{}", bytes.len());
    assert_eq!(decode(&bytes).unwrap(), checkpoint);
}

#[test]
fn the_tightest_elements_still_fit_the_memory_bound() {
    for n in [1, 10, 100, 10_000] {
        let mut checkpoint = ProcessingCheckpoint::new(CheckpointId(0), 0);
        checkpoint.active_batches =
            vec![ActiveBatch { batch: BatchId(0), next_positions: BTreeMap::new(), record_ids: vec![] }; n];
        for i in 0..n {
            let empty = SourcePosition::Custom { kind: "".into(), bytes: Bytes::new() };
            checkpoint.source_positions.insert(SplitId::new(i.to_string()), empty);
            checkpoint.watermarks.insert(SplitId::new(i.to_string()), 0);
        }
        assert_eq!(decode(&encode(&checkpoint).unwrap()).unwrap(), checkpoint, "{n}");
    }
}

fn any_position() -> impl Strategy<Value = SourcePosition> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from);
    let kafka = ("\\PC{0,6}", "\\PC{0,6}", any::<[u8; 16]>(), any::<i32>(), any::<i64>(), any::<i32>());
    prop_oneof![
        kafka.prop_map(|(cluster, topic, id, partition, offset, leader_epoch)| SourcePosition::Kafka {
            partition: KafkaPartition {
                cluster_id: cluster.into(),
                topic: topic.into(),
                topic_id: TopicId(id),
                partition,
            }
            .into(),
            offset,
            leader_epoch,
        }),
        ("\\PC{0,6}", any::<u64>(), any::<u64>()).prop_map(|(path, offset, line)| SourcePosition::File {
            path: path.into(),
            offset,
            line
        }),
        ("\\PC{0,6}", bytes())
            .prop_map(|(table, after)| SourcePosition::Database { table: table.into(), after }),
        ("\\PC{0,6}", bytes()).prop_map(|(kind, bytes)| SourcePosition::Custom { kind: kind.into(), bytes }),
    ]
}

fn any_positions() -> impl Strategy<Value = BTreeMap<SplitId, SourcePosition>> {
    proptest::collection::btree_map("\\PC{0,6}".prop_map(SplitId::new), any_position(), 0..4)
}

fn any_chunks() -> impl Strategy<Value = Vec<IdChunks>> {
    let one = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let one = one.prop_map(|(bucket, epoch, nonce, first, last, records)| IdChunks {
        bucket,
        epoch: Epoch(epoch),
        nonce: Nonce(nonce),
        first,
        last,
        records,
    });
    proptest::collection::vec(one, 0..4)
}

fn any_checkpoint() -> impl Strategy<Value = ProcessingCheckpoint> {
    let batch =
        (any::<u64>(), any_positions(), any_chunks()).prop_map(|(batch, next_positions, record_ids)| {
            ActiveBatch { batch: BatchId(batch), next_positions, record_ids }
        });
    let batches = proptest::collection::vec(batch, 0..3);
    let watermarks = proptest::collection::btree_map("\\PC{0,6}".prop_map(SplitId::new), any::<i64>(), 0..3);
    (any::<u64>(), any_positions(), any_chunks(), batches, any::<i64>(), watermarks).prop_map(
        |(id, source_positions, processed_record_ids, active_batches, timestamp_ms, watermarks)| {
            let empty = ProcessingCheckpoint::new(CheckpointId(id), timestamp_ms);
            ProcessingCheckpoint {
                source_positions,
                processed_record_ids,
                active_batches,
                watermarks,
                ..empty
            }
        },
    )
}

proptest! {
    #[test]
    fn decode_returns_what_encode_was_given(checkpoint in any_checkpoint()) {
        let bytes = encode(&checkpoint).unwrap();
        prop_assert_eq!(&decode(&bytes).unwrap(), &checkpoint);
        prop_assert_eq!(encode(&decode(&bytes).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_checkpoint_is_never_read(checkpoint in any_checkpoint(), at in any::<prop::sample::Index>(), bit in 0u32..8) {
        let mut bytes = encode(&checkpoint).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn garbage_behind_a_right_checksum_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = velostream_envelope::encode(FORMAT, BodyCodec::Bincode2, &body).unwrap();
        decode(&bytes).ok();
        frozen::decode_body::<frozen::ActiveBatchV1>(&body, 1).ok();
    }

    #[test]
    fn a_changed_byte_behind_a_right_checksum_never_panics(checkpoint in any_checkpoint(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let bytes = encode(&checkpoint).unwrap();
        let mut body = bytes[velostream_envelope::HEADER_BYTES..].to_vec();
        let at = at.index(body.len());
        body[at] = to;
        let bytes = velostream_envelope::encode(FORMAT, BodyCodec::Bincode2, &body).unwrap();
        decode(&bytes).ok();
    }
}
