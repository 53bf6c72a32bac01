//! Batches that Kafka's own Java client 4.3.1 wrote, and ours for it to read.
//!
//! `golden/Golden.java` made the files and reads ours; `golden/README.md` says how to run it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assertion is the point of a test")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use velostream_kafka_batch::{
    Batch, Batches, Compression, ControlMarker, Error, Fallback, Limits, ProducerStamp, Record, RecordHeader,
    TimestampType, WriteOptions, rewrite, write_batch, write_marker,
};

const BASE_TIME: i64 = 1_700_000_000_000;
const LIMITS: Limits = Limits { max_decompressed_bytes: 1 << 20 };
const STAMP: ProducerStamp = ProducerStamp { id: 4711, epoch: 5, base_sequence: 1000 };

fn read(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.bin"));
    std::fs::read(path).unwrap().into()
}

fn batch(name: &str) -> Batch {
    let mut batches = Batches::new(read(name));
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    assert!(!batches.truncated());
    batch.verify_crc().unwrap();
    batch
}

/// The list that `Golden.java` builds.
fn records(base_offset: i64) -> Vec<Record> {
    let record = |i: usize| {
        let number = i64::try_from(i).unwrap();
        let key = match i % 5 {
            0 => None,
            1 => Some(Bytes::new()),
            _ => Some(format!("key-{i}").into()),
        };
        let byte = |j: usize| u8::try_from(((j % (i + 3)) * 7 + j / 64) % 256).unwrap();
        let value = match i % 7 {
            0 => None,
            1 => Some(Bytes::new()),
            _ => Some((0..i * 40).map(byte).collect()),
        };
        let headers = (0..i % 4).map(|h| RecordHeader {
            name: Bytes::from_static(if h == 2 { b"" } else { b"h\xc3\xa9" }),
            value: match h {
                0 => None,
                1 => Some(Bytes::new()),
                _ => Some(format!("v{i}").into()),
            },
        });
        let timestamp = match i {
            3 => 0,
            4 => -1,
            5 => i64::MAX,
            _ => BASE_TIME + number * 1013,
        };
        Record { offset: base_offset + number, timestamp, key, value, headers: headers.collect() }
    };
    (0..60).map(record).collect()
}

#[test]
fn batches_of_the_java_client_decode_to_the_records_it_wrote_for_every_codec() {
    for compression in Compression::ALL {
        let batch = batch(compression.as_str());
        assert_eq!(batch.compression().unwrap(), compression);
        assert_eq!((batch.base_offset(), batch.last_offset(), batch.count()), (0, 59, 60));
        assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (4711, 5, 1000));
        assert_eq!((batch.partition_leader_epoch(), batch.magic()), (7, 2));
        assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (BASE_TIME, i64::MAX));
        assert!(batch.is_transactional() && !batch.is_control() && !batch.has_holes());
        assert_eq!(batch.fallback(0), None);
        assert_eq!(batch.records(LIMITS).unwrap(), records(0), "{compression}");
    }
}

#[test]
fn uncompressed_batch_equals_the_java_clients_byte_for_byte_except_for_the_leader_epoch() {
    let options = WriteOptions { stamp: Some(STAMP), transactional: true, ..WriteOptions::default() };
    let ours = write_batch(&records(0), options).unwrap();
    let java = read("none");
    assert_eq!(ours[..12], java[..12]);
    assert_eq!(ours[16..], java[16..]);
}

#[test]
fn log_append_time_batch_gives_every_record_the_max_timestamp() {
    let batch = batch("log_append_time");
    assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(batch.fallback(900), Some(Fallback::LogAppendTime));
    let mut expected = records(900);
    for record in &mut expected {
        record.timestamp = BASE_TIME + 5;
    }
    assert_eq!(batch.records(LIMITS).unwrap(), expected);
}

#[test]
fn compacted_batch_keeps_offsets_and_timestamps_under_a_delete_horizon() {
    let batch = batch("holes");
    assert!(batch.has_holes() && batch.has_delete_horizon());
    assert_eq!((batch.base_offset(), batch.next_offset(), batch.count()), (30, 90, 20));
    assert_eq!(batch.base_timestamp(), BASE_TIME + 86_400_000);
    assert_eq!(batch.fallback(30), Some(Fallback::Holes));
    assert_eq!(batch.fallback(31), Some(Fallback::InsideBatch));
    let expected: Vec<_> = records(30).into_iter().filter(|record| record.offset % 3 == 0).collect();
    assert_eq!(batch.records(LIMITS).unwrap(), expected);
    assert!(matches!(
        rewrite(&batch, STAMP),
        Err(Error::NotPassThrough { offset: 30, reason: Fallback::Holes })
    ));
}

#[test]
fn emptied_batch_moves_only_the_position() {
    let batch = batch("empty");
    assert_eq!((batch.count(), batch.next_offset()), (0, 90));
    assert_eq!(batch.fallback(30), Some(Fallback::Empty));
    assert!(batch.fallback(30).unwrap().is_position_only());
    assert_eq!(batch.records(LIMITS).unwrap(), []);
}

#[test]
fn markers_of_the_java_client_are_read_and_ours_equal_them() {
    for (name, offset, marker) in [("commit", 77, ControlMarker::Commit), ("abort", 78, ControlMarker::Abort)]
    {
        let batch = batch(name);
        assert_eq!((batch.base_offset(), batch.producer_id(), batch.producer_epoch()), (offset, 4711, 5));
        assert_eq!(batch.control_marker().unwrap(), marker);
        assert_eq!(batch.fallback(offset), Some(Fallback::Control));
        let stamp = ProducerStamp { base_sequence: -1, ..STAMP };
        assert_eq!(write_marker(marker, stamp, 3, BASE_TIME).unwrap()[16..], batch.bytes()[16..]);
    }
}

#[test]
fn message_of_magic_1_is_a_named_error() {
    let first = Batches::new(read("magic1")).next().unwrap();
    assert!(matches!(first, Err(Error::OldMagic { offset: 12, magic: 1 })));
}

#[test]
fn adjacent_batches_are_split_and_a_cut_one_is_reported() {
    let names = ["empty", "lz4", "commit", "none"];
    let all: Vec<u8> = names.iter().flat_map(|name| read(name)).collect();
    let last = read("none").len();
    for cut in [1, 2, last - 70, last - 20, last - 17, last - 1] {
        let mut batches = Batches::new(Bytes::copy_from_slice(&all[..all.len() - cut]));
        let found: Vec<_> = batches.by_ref().map(|batch| batch.unwrap().bytes().clone()).collect();
        assert_eq!(found, names[..3].iter().map(|name| read(name)).collect::<Vec<_>>());
        assert!(batches.truncated());
    }
}

#[test]
#[ignore = "writes the files that Golden.java reads; see golden/README.md"]
fn our_batches_are_written_for_the_java_client() {
    let dir = PathBuf::from(std::env::var_os("GOLDEN_OUT").unwrap());
    for compression in Compression::ALL {
        // Written unsigned, then signed by the header rewrite: both paths are under the reader's eyes.
        let plain =
            write_batch(&records(0), WriteOptions { compression, ..WriteOptions::default() }).unwrap();
        let signed = rewrite(&Batch::parse(plain).unwrap(), STAMP).unwrap().to_bytes();
        std::fs::write(dir.join(format!("{compression}.bin")), signed).unwrap();
    }
}
