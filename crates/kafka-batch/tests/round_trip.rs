//! What goes in comes out: every codec, any records, before and after the header rewrite.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assertion is the point of a test")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use velostream_kafka_batch::{
    Batch, Batches, Compression, Limits, ProducerStamp, Record, RecordHeader, WriteOptions, merge, rewrite,
    write_batch,
};

const LIMITS: Limits = Limits { max_decompressed_bytes: 8 << 20 };

/// Short and long, random and repetitive: what compresses and what does not.
fn content() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 0..3000),
        (vec(any::<u8>(), 1..20), 1..4000_usize).prop_map(|(unit, times)| unit.repeat(times)),
    ]
    .prop_map(Bytes::from)
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1), Just(0), 1_600_000_000_000..1_900_000_000_000_i64, any::<i64>()]
}

fn header() -> impl Strategy<Value = RecordHeader> {
    let name = prop_oneof![vec(any::<u8>(), 0..12), Just(b"again".to_vec())].prop_map(Bytes::from);
    (name, option::of(vec(any::<u8>(), 0..40).prop_map(Bytes::from)))
        .prop_map(|(name, value)| RecordHeader { name, value })
}

fn record() -> impl Strategy<Value = Record> {
    let key = option::of(vec(any::<u8>(), 0..40).prop_map(Bytes::from));
    (timestamp(), key, option::of(content()), vec(header(), 0..5))
        .prop_map(|(timestamp, key, value, headers)| Record { offset: 0, timestamp, key, value, headers })
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    vec(record(), 1..30).prop_map(|mut records| {
        for (record, offset) in records.iter_mut().zip(0..) {
            record.offset = offset;
        }
        records
    })
}

fn compression() -> impl Strategy<Value = Compression> {
    select(&Compression::ALL[..])
}

fn stamp() -> impl Strategy<Value = ProducerStamp> {
    (any::<i64>(), any::<i16>(), any::<i32>()).prop_map(|(id, epoch, base_sequence)| ProducerStamp {
        id,
        epoch,
        base_sequence,
    })
}

proptest! {
    #[test]
    fn records_of_a_written_batch_are_those_written(
        records in records(), compression in compression(), stamp in option::of(stamp()), transactional: bool,
    ) {
        let bytes = write_batch(&records, WriteOptions { compression, stamp, transactional }).unwrap();
        let batch = Batch::parse(bytes).unwrap();
        batch.verify_crc().unwrap();
        prop_assert_eq!(batch.compression().unwrap(), compression);
        prop_assert_eq!(batch.is_transactional(), transactional);
        prop_assert_eq!(batch.producer_id(), stamp.map_or(-1, |stamp| stamp.id));
        prop_assert_eq!(batch.fallback(0), None);
        prop_assert_eq!(batch.records(LIMITS).unwrap(), records);
    }

    #[test]
    fn rewritten_batch_verifies_and_decodes_to_the_same_records_without_copying_them(
        records in records(), compression in compression(), first in stamp(), second in stamp(), offset in 0..i64::MAX / 2,
    ) {
        let written = write_batch(&records, WriteOptions { compression, ..WriteOptions::default() }).unwrap();
        // As a broker stores it: offset and leader epoch are not under the checksum.
        let mut stored = written.to_vec();
        stored[..8].copy_from_slice(&offset.to_be_bytes());
        stored[12..16].copy_from_slice(&9_i32.to_be_bytes());
        let source = Batch::parse(stored.into()).unwrap();
        source.verify_crc().unwrap();
        let once = rewrite(&source, first).unwrap();
        prop_assert_eq!(once.body.as_ptr(), source.bytes()[Batch::HEADER_LEN..].as_ptr());
        let sink = Batch::parse(once.to_bytes()).unwrap();
        sink.verify_crc().unwrap();
        prop_assert!(sink.is_transactional());
        prop_assert_eq!((sink.base_offset(), sink.partition_leader_epoch()), (0, -1));
        prop_assert_eq!((sink.producer_id(), sink.producer_epoch(), sink.base_sequence()),
            (first.id, first.epoch, first.base_sequence));
        prop_assert_eq!((sink.base_timestamp(), sink.max_timestamp(), sink.count(), sink.last_offset_delta()),
            (source.base_timestamp(), source.max_timestamp(), source.count(), source.last_offset_delta()));
        prop_assert_eq!(sink.records(LIMITS).unwrap(), records);
        // Signed anew, as after a new producer epoch, it is what signing the source gives.
        prop_assert_eq!(rewrite(&sink, second).unwrap(), rewrite(&source, second).unwrap());
        let direct = WriteOptions { compression, stamp: Some(first), transactional: true };
        prop_assert_eq!(once.to_bytes(), write_batch(&source.records(LIMITS).unwrap(), direct).unwrap());
    }

    #[test]
    fn merged_batches_are_the_batch_of_all_their_records(
        parts in vec(records(), 1..6), compression in compression(),
    ) {
        let options = WriteOptions { compression, ..WriteOptions::default() };
        let batches: Vec<_> = parts.iter()
            .map(|records| Batch::parse(write_batch(records, options).unwrap()).unwrap())
            .collect();
        let merged = merge(&batches, LIMITS).unwrap();
        prop_assert_eq!(&merged, &write_batch(&parts.concat(), options).unwrap());
        let merged = Batch::parse(merged).unwrap();
        merged.verify_crc().unwrap();
        prop_assert_eq!(merged.fallback(0), None);
    }

    #[test]
    fn concatenated_batches_are_split_where_they_were_joined(
        batches in vec((records(), compression()), 0..5),
    ) {
        let written: Vec<_> = batches.iter()
            .map(|(records, compression)| {
                let options = WriteOptions { compression: *compression, ..WriteOptions::default() };
                write_batch(records, options).unwrap()
            })
            .collect();
        let mut split = Batches::new(written.concat().into());
        let found: Vec<_> = split.by_ref().map(|batch| batch.unwrap().bytes().clone()).collect();
        prop_assert_eq!(found, written);
        prop_assert!(!split.truncated());
    }
}
