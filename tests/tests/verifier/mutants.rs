//! Each fault that a replicator can make, planted in a copy on a real cluster: it has to be reported with its kind, its
//! partition and both offsets, and nothing else may be reported.

use anyhow::Result;
use bytes::Bytes;
use velostream_core::Header;
use velostream_kafka_batch::{Compression, Record, WriteOptions, write_batch};
use velostream_testkit::RealClock;
use velostream_testkit::load::{MadeRecord, ODD_TOPIC, create_topic, produce_batches, send_open};
use velostream_testkit::services::KafkaPair;
use velostream_verifier::{Config, Kind, Report, verify};

use super::config;

const PARTITIONS: i32 = 3;
/// Where the faults are.
const PARTITION: i32 = 1;
const COUNT: usize = 100;
/// Records of an aborted transaction that both sides begin with, and its marker: offsets of the two sides differ.
const SOURCE_ABORTED: u8 = 2;
const SINK_ABORTED: u8 = 4;

/// A finding: what, in which partition, at which source record and sink record, counted from the first committed one.
type Found = (Kind, i32, Option<i64>, Option<i64>);
/// The sink's records of each partition.
type Partitions = [Vec<Record>; 3];

fn header(name: &'static [u8], value: Option<&'static [u8]>) -> Header {
    Header { name: Bytes::from_static(name), value: value.map(Bytes::from_static) }
}

/// Nulls, empties and bytes in every place, names that repeat and names that are not UTF-8, and now and then a
/// timestamp of 0. No two are equal.
fn record(partition: i32, at: usize) -> Record {
    let key = match at % 7 {
        0 | 3 => None,
        1 => Some(Bytes::new()),
        customer => Some(Bytes::from(format!("customer {customer}"))),
    };
    let value = match at % 10 {
        9 => None,
        8 => Some(Bytes::new()),
        _ => Some(Bytes::from(format!("order {at} of {partition}"))),
    };
    let headers = match at % 4 {
        0 => vec![header(b"trace", Some(b"1")), header(b"\xff\xfe", Some(b"\x00\xff")), header(b"", None)],
        1 => vec![header(b"trace", Some(b"1")), header(b"trace", Some(b"2")), header(b"trace", Some(b""))],
        _ => Vec::new(),
    };
    let timestamp =
        if at.is_multiple_of(11) { 0 } else { 1_700_000_000_000 + i64::try_from(at).unwrap_or(0) };
    Record { key, value, headers, timestamp, ..Record::default() }
}

fn aborted(at: u8) -> MadeRecord {
    MadeRecord {
        value: Some(vec![b'a', b'0' + at]),
        timestamp_ms: 1_700_000_000_000,
        ..MadeRecord::default()
    }
}

fn write(bootstrap: &str, topic: &str, partition: i32, records: &[Record], batch: usize) -> Result<()> {
    let codecs = [Compression::Lz4, Compression::None, Compression::Zstd, Compression::Snappy];
    let batches = records.chunks(batch).zip(codecs.into_iter().cycle()).map(|(records, compression)| {
        Ok(write_batch(records, WriteOptions { compression, ..WriteOptions::default() })?)
    });
    produce_batches(bootstrap, topic, partition, &batches.collect::<Result<Vec<_>>>()?)
}

/// Writes a source and a copy of it with the fault that `plant` makes, and compares them.
fn report(name: &str, plant: impl FnOnce(&mut Partitions)) -> Result<Report> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic(name);
    let source = [0, 1, 2].map(|partition| (0..COUNT).map(|at| record(partition, at)).collect::<Vec<_>>());
    let mut sink = source.clone();
    plant(&mut sink);
    let sides =
        [(&pair.source, source, SOURCE_ABORTED, 25, "source"), (&pair.sink, sink, SINK_ABORTED, 40, "sink")];
    for (bootstrap, partitions, aborts, batch, side) in sides {
        create_topic(bootstrap, &topic, PARTITIONS, &ODD_TOPIC)?;
        let ghosts = (0..aborts).map(|at| (PARTITION, aborted(at)));
        send_open(bootstrap, &topic, &format!("{topic}-{side}"), ghosts)?.abort()?;
        for (partition, records) in (0..).zip(&partitions) {
            write(bootstrap, &topic, partition, records, batch)?;
        }
    }
    let mut config: Config = config(&pair, &topic);
    config.limits.examples = 1_000;
    let report = verify(&config, &RealClock::start(), &|_| {})?;
    assert!(report.examples.iter().all(|one| one.topic == topic));
    Ok(report)
}

fn findings(report: &Report) -> Vec<Found> {
    assert_eq!(report.counts.differences(), report.examples.len() as u64, "{report:#?}");
    assert_eq!(report.uncertain, 0);
    let found = report.examples.iter().map(|one| {
        // The other partitions begin with their first record.
        let first = |aborts: u8| if one.partition == PARTITION { i64::from(aborts) + 1 } else { 0 };
        let source = one.source_offset.map(|offset| offset - first(SOURCE_ABORTED));
        let sink = one.sink_offset.map(|offset| offset - first(SINK_ABORTED));
        (one.kind, one.partition, source, sink)
    });
    found.collect()
}

/// Plants a fault in the one partition.
fn found(name: &str, plant: impl FnOnce(&mut Vec<Record>)) -> Result<Vec<Found>> {
    Ok(findings(&report(name, |[_, records, _]| plant(records))?))
}

/// Changes one record. It has to be the only finding, with these words about it.
fn change(name: &str, at: usize, plant: impl Fn(&mut Record), what: &str) -> Result<()> {
    let report = report(name, |[_, records, _]| records.get_mut(at).into_iter().for_each(plant))?;
    let offset = Some(i64::try_from(at)?);
    assert_eq!(findings(&report), [(Kind::Changed, PARTITION, offset, offset)]);
    assert!(report.examples.iter().all(|one| one.what.contains(what)), "{what:?} is not in {report:#?}");
    assert_eq!(report.unread_headers, 0);
    Ok(())
}

#[test]
fn mutant_none_is_identical() -> Result<()> {
    let report = report("mutant-none", |_| {})?;
    assert!(report.is_identical(), "{report:#?}");
    assert_eq!(report.counts.matched, 300);
    assert_eq!(report.unread_headers, 0, "names that are not UTF-8 are read");
    Ok(())
}

#[test]
fn mutant_duplicated_record_is_reported_with_partition_and_offsets() -> Result<()> {
    let found = found("mutant-duplicate", |records| records.insert(58, records[50].clone()))?;
    assert_eq!(found, [(Kind::Duplicated, PARTITION, Some(50), Some(58))]);
    Ok(())
}

#[test]
fn mutant_batch_written_twice_is_reported_record_by_record() -> Result<()> {
    let found = found("mutant-replay", |records| {
        let batch = records[40..80].to_vec();
        records.splice(80..80, batch);
    })?;
    let expected: Vec<Found> =
        (40..80).map(|at| (Kind::Duplicated, PARTITION, Some(at), Some(at + 40))).collect();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn mutant_lost_record_is_reported_with_partition_and_offset() -> Result<()> {
    let found = found("mutant-loss", |records| drop(records.remove(31)))?;
    assert_eq!(found, [(Kind::Missing, PARTITION, Some(31), None)]);
    Ok(())
}

#[test]
fn mutant_lost_last_record_is_reported_with_partition_and_offset() -> Result<()> {
    let found = found("mutant-last", |records| drop(records.pop()))?;
    assert_eq!(found, [(Kind::Missing, PARTITION, Some(99), None)]);
    Ok(())
}

#[test]
fn mutant_torn_batch_is_reported_record_by_record() -> Result<()> {
    let found = found("mutant-torn", |records| drop(records.drain(60..80)))?;
    let expected: Vec<Found> = (60..80).map(|at| (Kind::Missing, PARTITION, Some(at), None)).collect();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn mutant_swapped_records_are_reported_with_partition_and_offsets() -> Result<()> {
    let found = found("mutant-swap", |records| records.swap(70, 71))?;
    assert_eq!(found, [(Kind::Reordered, PARTITION, Some(71), Some(70))]);
    Ok(())
}

#[test]
fn mutant_aborted_record_that_was_read_is_reported_with_partition_and_offset() -> Result<()> {
    let found = found("mutant-aborted", |records| {
        let MadeRecord { value, timestamp_ms, .. } = aborted(0);
        let ghost = Record { value: value.map(Bytes::from), timestamp: timestamp_ms, ..Record::default() };
        records.insert(0, ghost);
    })?;
    assert_eq!(found, [(Kind::Unexpected, PARTITION, None, Some(0))]);
    Ok(())
}

#[test]
fn mutant_record_in_another_partition_is_reported_in_both() -> Result<()> {
    let report = report("mutant-partition", |[_, records, others]| {
        let moved = records.remove(20);
        others.insert(33, moved);
    })?;
    let mut found = findings(&report);
    found.sort_by_key(|one| one.1);
    assert_eq!(found, [(Kind::Missing, PARTITION, Some(20), None), (Kind::Unexpected, 2, None, Some(33))]);
    Ok(())
}

#[test]
fn mutant_changed_key_is_reported() -> Result<()> {
    change("mutant-key", 16, |record| record.key = Some(Bytes::from_static(b"customer 3")), "key differs")
}

#[test]
fn mutant_null_key_made_empty_is_reported() -> Result<()> {
    change(
        "mutant-null-key",
        14,
        |record| record.key = Some(Bytes::new()),
        "key is null at the source, empty at the sink",
    )
}

#[test]
fn mutant_changed_value_is_reported() -> Result<()> {
    change(
        "mutant-value",
        42,
        |record| record.value = Some(Bytes::from_static(b"order 42 of 2")),
        "value differs",
    )
}

#[test]
fn mutant_tombstone_made_empty_is_reported() -> Result<()> {
    change(
        "mutant-tombstone",
        29,
        |record| record.value = Some(Bytes::new()),
        "value is null at the source, empty at the sink",
    )
}

#[test]
fn mutant_empty_value_made_null_is_reported() -> Result<()> {
    change("mutant-empty", 28, |record| record.value = None, "value is empty at the source, null at the sink")
}

#[test]
fn mutant_timestamp_0_made_now_is_reported() -> Result<()> {
    change(
        "mutant-timestamp-0",
        33,
        |record| record.timestamp = 1_700_000_000_033,
        "timestamp is 0 at the source, 1700000000033 at the sink",
    )
}

#[test]
fn mutant_timestamp_a_millisecond_late_is_reported() -> Result<()> {
    change(
        "mutant-timestamp",
        34,
        |record| record.timestamp += 1,
        "timestamp is 1700000000034 at the source, 1700000000035 at the sink",
    )
}

#[test]
fn mutant_changed_header_value_is_reported() -> Result<()> {
    change(
        "mutant-header-value",
        44,
        |record| record.headers[1].value = Some(Bytes::from_static(b"\x00\xfe")),
        "headers differ",
    )
}

#[test]
fn mutant_null_header_value_made_empty_is_reported() -> Result<()> {
    change("mutant-header-null", 44, |record| record.headers[2].value = Some(Bytes::new()), "headers differ")
}

#[test]
fn mutant_changed_header_name_is_reported() -> Result<()> {
    change(
        "mutant-header-name",
        45,
        |record| record.headers[1].name = Bytes::from_static(b"Trace"),
        "headers differ",
    )
}

#[test]
fn mutant_header_name_that_is_not_utf8_with_another_byte_is_reported() -> Result<()> {
    change(
        "mutant-header-bytes",
        48,
        |record| record.headers[1].name = Bytes::from_static(b"\xff\xfd"),
        "headers differ",
    )
}

#[test]
fn mutant_header_name_made_utf8_is_reported() -> Result<()> {
    change(
        "mutant-header-utf8",
        48,
        |record| record.headers[1].name = Bytes::from_static("\u{fffd}\u{fffd}".as_bytes()),
        "headers differ",
    )
}

#[test]
fn mutant_headers_of_one_name_in_another_order_are_reported() -> Result<()> {
    change("mutant-header-order", 49, |record| record.headers.swap(0, 1), "headers differ")
}

#[test]
fn mutant_dropped_twin_header_is_reported() -> Result<()> {
    change("mutant-header-twin", 49, |record| drop(record.headers.remove(1)), "headers differ")
}

#[test]
fn header_name_with_a_zero_byte_is_counted_as_not_compared_to_its_end() -> Result<()> {
    let report = report("zero-byte", |[_, records, _]| {
        // Of a name with a zero byte librdkafka gives out the front.
        records[45].headers[0].name = Bytes::from_static(b"trace\0more");
        records[48].headers[2].name = Bytes::from_static(b"\0");
    })?;
    assert!(report.is_identical(), "{report:#?}");
    assert_eq!(report.unread_headers, 2);
    assert_eq!(report.partitions.iter().map(|one| one.unread_headers).collect::<Vec<_>>(), [0, 2, 0]);
    Ok(())
}
