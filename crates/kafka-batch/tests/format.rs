//! The format, case by case, on bytes made by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assertion is the point of a test")]

#[path = "sealed/batch.rs"]
mod sealed;

use std::error::Error as _;

use bytes::Bytes;
use sealed::{Head, sealed};
use velostream_kafka_batch::{
    Batch, Batches, Compression, ControlMarker, Error, Fallback, Limits, ProducerStamp, Record, RecordFault,
    RecordHeader, WriteOptions, rewrite, write_batch,
};

const LIMITS: Limits = Limits { max_decompressed_bytes: 1 << 20 };
/// Length 6: attributes, timestamp delta, offset delta, null key, null value, no headers.
const NULLS: [u8; 7] = [12, 0, 0, 0, 1, 1, 0];

fn parse(head: Head, section: &[u8]) -> Batch {
    Batch::parse(sealed(head, section)).unwrap()
}

/// What the only record of a batch is refused for; `fields` is its bytes behind the length.
fn fault(fields: &[u8]) -> RecordFault {
    let mut section = vec![u8::try_from(fields.len() * 2).unwrap()];
    section.extend(fields);
    let error = parse(Head::of(1), &section).records(LIMITS).unwrap_err();
    assert!(matches!(error, Error::Record { offset: 100, index: 0, .. }), "{error:?}");
    *error.source().unwrap().downcast_ref().unwrap()
}

#[test]
fn batch_laid_out_by_hand_is_read_and_written_to_the_byte() {
    let section = [
        // Length 16, attributes, timestamp delta 0, offset delta 0.
        &[32, 0, 0, 0][..],
        // Key "k", value empty.
        &[2, b'k', 0],
        // Two headers of one name, which is not UTF-8: null, then "v".
        &[4, 4, 0xff, 0xfe, 1, 4, 0xff, 0xfe, 2, b'v'],
        // Length 6, attributes, timestamp delta 5, offset delta 1, null, null, no headers.
        &[12, 0, 10, 2, 1, 1, 0],
    ]
    .concat();
    let bytes = sealed(Head { base_offset: 0, max_timestamp: 1005, ..Head::of(2) }, &section);
    let name = Bytes::from_static(&[0xff, 0xfe]);
    let headers = vec![
        RecordHeader { name: name.clone(), value: None },
        RecordHeader { name, value: Some(Bytes::from_static(b"v")) },
    ];
    let (key, value) = (Some(Bytes::from_static(b"k")), Some(Bytes::new()));
    let records = [
        Record { offset: 0, timestamp: 1000, key, value, headers },
        Record { offset: 1, timestamp: 1005, ..Record::default() },
    ];
    let batch = Batch::parse(bytes.clone()).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.records(LIMITS).unwrap(), records);
    assert_eq!(write_batch(&records, WriteOptions::default()).unwrap(), bytes);
}

#[test]
fn timestamps_of_any_value_survive_in_one_batch() {
    let times = [-1, 0, i64::MAX, i64::MIN, -1, 4_102_444_800_000];
    let records: Vec<_> = times.iter().map(|&timestamp| Record { timestamp, ..Record::default() }).collect();
    let batch = Batch::parse(write_batch(&records, WriteOptions::default()).unwrap()).unwrap();
    assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (-1, i64::MAX));
    let read: Vec<_> = batch.records(LIMITS).unwrap().iter().map(|record| record.timestamp).collect();
    assert_eq!(read, times);
}

#[test]
fn unknown_attribute_bits_and_codecs_are_refused_even_under_a_true_checksum() {
    for bit in 7..16 {
        let attributes = 1_u16 << bit;
        let batch = parse(Head { attributes, ..Head::of(1) }, &NULLS);
        let refused = |result: Result<(), Error>| {
            assert!(
                matches!(result, Err(Error::UnknownAttributes { offset: 100, attributes: a }) if a == attributes)
            );
        };
        refused(batch.verify_crc());
        refused(batch.records(LIMITS).map(drop));
        refused(rewrite(&batch, ProducerStamp { id: 1, epoch: 0, base_sequence: 0 }).map(drop));
    }
    for id in 5..8_u8 {
        let batch = parse(Head { attributes: id.into(), ..Head::of(1) }, &NULLS);
        assert!(
            matches!(batch.verify_crc(), Err(Error::UnknownCompression { offset: 100, id: i }) if i == id)
        );
    }
}

#[test]
fn header_that_cannot_be_is_refused() {
    let cases = [
        Head { count: 3, last_offset_delta: 1, ..Head::of(3) },
        Head { count: -1, last_offset_delta: 1, ..Head::of(1) },
        Head { count: 0, last_offset_delta: -1, ..Head::of(1) },
        Head { base_offset: i64::MAX, ..Head::of(1) },
    ];
    for head in cases {
        assert!(matches!(parse(head, &NULLS).verify_crc(), Err(Error::Header { .. })), "{head:?}");
    }
    let negative = Batch::parse(sealed(Head { base_offset: -1, ..Head::of(1) }, &NULLS));
    assert!(matches!(negative, Err(Error::Header { offset: -1, .. })));
}

#[test]
fn fallback_names_the_first_reason_that_holds() {
    let at = |head: Head, position| parse(head, &NULLS).fallback(position);
    assert_eq!(at(Head::of(2), 100), None);
    assert_eq!(at(Head::of(2), 7), None);
    assert_eq!(at(Head::of(2), 101), Some(Fallback::InsideBatch));
    assert_eq!(at(Head::of(2), 102), Some(Fallback::InsideBatch));
    assert_eq!(at(Head { count: 1, ..Head::of(2) }, 100), Some(Fallback::Holes));
    assert_eq!(at(Head { count: 0, ..Head::of(2) }, 101), Some(Fallback::Empty));
    assert_eq!(at(Head { attributes: 1 << 3, ..Head::of(2) }, 100), Some(Fallback::LogAppendTime));
    assert_eq!(at(Head { attributes: 1 << 6, ..Head::of(2) }, 100), Some(Fallback::DeleteHorizon));
    assert_eq!(at(Head { attributes: 0b11_0000, count: 0, ..Head::of(2) }, 101), Some(Fallback::Control));
    assert_eq!(at(Head { attributes: 0b01_0100, ..Head::of(2) }, 100), None);
}

#[test]
fn marker_of_a_batch_without_one_is_refused_and_unknown_types_are_kept() {
    assert!(matches!(parse(Head::of(1), &NULLS).control_marker(), Err(Error::NotControl { offset: 100 })));
    let control = Head { attributes: 1 << 5, ..Head::of(1) };
    assert!(matches!(parse(control, &NULLS).control_marker(), Err(Error::NotControl { offset: 100 })));
    // Key: version 9, type 6, one more field.
    let key = [22, 0, 0, 0, 10, 0, 9, 0, 6, 42, 1, 0];
    assert_eq!(parse(control, &key).control_marker().unwrap(), ControlMarker::Other(6));
}

#[test]
fn malformed_records_are_refused_with_the_field_that_is_wrong() {
    use RecordFault::{HeaderCount, LeftOver, Length, OffsetDelta, Truncated, Varint};
    assert_eq!(fault(&[]), Truncated { field: "attributes" });
    assert_eq!(fault(&[0]), Truncated { field: "timestamp delta" });
    assert_eq!(fault(&[0, 0]), Truncated { field: "offset delta" });
    assert_eq!(fault(&[0, 0, 2, 1, 1, 0]), OffsetDelta { delta: 1, expected_min: 0, expected_max: 0 });
    assert_eq!(fault(&[0, 0, 1, 1, 1, 0]), OffsetDelta { delta: -1, expected_min: 0, expected_max: 0 });
    assert_eq!(fault(&[0, 0, 0, 3, 1, 0]), Length { field: "key length", length: -2 });
    assert_eq!(fault(&[0, 0, 0, 8, 1, 0]), Truncated { field: "key length" });
    assert_eq!(fault(&[0, 0, 0, 1, 6, 0]), Truncated { field: "value length" });
    assert_eq!(fault(&[0, 0, 0, 1, 1, 1]), HeaderCount { count: -1, remaining: 0 });
    assert_eq!(fault(&[0, 0, 0, 1, 1, 6, 0, 1, 0]), HeaderCount { count: 3, remaining: 3 });
    assert_eq!(fault(&[0, 0, 0, 1, 1, 2, 1, 1]), Length { field: "header name length", length: -1 });
    assert_eq!(fault(&[0, 0, 0, 1, 1, 2, 0, 3]), Length { field: "header value length", length: -2 });
    assert_eq!(fault(&[0, 0, 0, 1, 1, 0, 9]), LeftOver { bytes: 1 });
    let mut endless = vec![0];
    endless.extend([0xff; 11]);
    assert_eq!(fault(&endless), Varint { field: "timestamp delta" });
}

#[test]
fn section_with_fewer_or_more_records_than_the_header_says_is_refused() {
    let fewer = parse(Head::of(2), &NULLS).records(LIMITS);
    assert!(matches!(
        fewer,
        Err(Error::Record { index: 1, source: RecordFault::Truncated { field: "length" }, .. })
    ));
    let more = parse(Head { count: 1, ..Head::of(2) }, &[NULLS, NULLS].concat()).records(LIMITS);
    assert!(matches!(more, Err(Error::Record { index: 1, source: RecordFault::LeftOver { bytes: 7 }, .. })));
    let twice = parse(Head::of(2), &[NULLS, NULLS].concat()).records(LIMITS);
    let repeated = RecordFault::OffsetDelta { delta: 0, expected_min: 1, expected_max: 1 };
    assert!(matches!(twice, Err(Error::Record { index: 1, source, .. }) if source == repeated));
}

#[test]
fn length_field_that_contradicts_the_bytes_is_refused() {
    let good = sealed(Head::of(1), &NULLS);
    for length in [i32::MIN, -1, 0, 48] {
        let mut bytes = good.to_vec();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let mut batches = Batches::new(bytes.clone().into());
        assert!(matches!(batches.next(), Some(Err(Error::Length { offset: 100, .. }))), "{length}");
        assert!(batches.next().is_none() && !batches.truncated());
        assert!(matches!(Batch::parse(bytes.into()), Err(Error::Length { offset: 100, .. })));
    }
    assert!(matches!(Batch::parse(good.slice(..60)), Err(Error::Length { offset: -1, .. })));
    assert!(matches!(Batch::parse(good.slice(..67)), Err(Error::Length { offset: 100, .. })));
}

#[test]
fn magic_above_two_is_refused_before_its_length_is_believed() {
    let mut bytes = sealed(Head::of(1), &NULLS).to_vec();
    bytes[16] = 3;
    bytes[8] = 0x7f;
    assert!(matches!(
        Batches::new(bytes.into()).next(),
        Some(Err(Error::UnknownMagic { offset: 100, magic: 3 }))
    ));
}

#[test]
fn batch_without_records_is_read_whatever_its_codec_bits() {
    for compression in Compression::ALL {
        let head = Head { attributes: compression.id().into(), count: 0, ..Head::of(5) };
        assert_eq!(parse(head, &[]).records(LIMITS).unwrap(), []);
    }
}

#[test]
fn batch_without_records_is_not_written() {
    assert!(matches!(write_batch::<Record>(&[], WriteOptions::default()), Err(Error::EmptyBatch)));
}

#[test]
fn uncompressed_section_above_the_limit_is_refused() {
    let limits = Limits { max_decompressed_bytes: 6 };
    let result = parse(Head::of(1), &NULLS).records(limits);
    assert!(matches!(result, Err(Error::TooLarge { offset: 100, limit_bytes: 6, .. })));
}
