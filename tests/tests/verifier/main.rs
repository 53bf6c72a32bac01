//! The verifier on real clusters. The same seeded load is written to both sides in different batches, codecs and
//! transactions; then faults are planted.

mod mutants;

use std::time::Duration;

use anyhow::Result;
use velostream_testkit::RealClock;
use velostream_testkit::load::{
    Codec, LoadPlan, MadeRecord, ODD_TOPIC, RecordMaker, create_holes, create_topic, end_offsets,
    odd_batches, produce, produce_batches, send, send_open,
};
use velostream_testkit::services::KafkaPair;
use velostream_verifier::{Cluster, Config, Error, Kind, Report, TopicPair, verify};

const NO_EXPIRY: [(&str, &str); 1] = [("retention.ms", "-1")];

fn config(pair: &KafkaPair, topic: &str) -> Config {
    Config::new(Cluster::new(&pair.source), Cluster::new(&pair.sink), vec![TopicPair::new(topic, topic)])
}

fn check(pair: &KafkaPair, topic: &str) -> Result<Report, Error> {
    verify(&config(pair, topic), &RealClock::start(), &|_| {})
}

fn create_both(pair: &KafkaPair, topic: &str, partitions: i32) -> Result<()> {
    create_topic(&pair.source, topic, partitions, &NO_EXPIRY)?;
    create_topic(&pair.sink, topic, partitions, &NO_EXPIRY)
}

fn made(topic: &str, count: u64) -> Vec<MadeRecord> {
    let maker = RecordMaker::new(&LoadPlan::realistic(topic, 1, count, 5));
    let mut record = MadeRecord::default();
    (0..count)
        .map(|sequence| {
            maker.make(0, sequence, false, &mut record);
            record.clone()
        })
        .collect()
}

fn to_partition_0(records: Vec<MadeRecord>) -> impl Iterator<Item = (i32, MadeRecord)> {
    records.into_iter().map(|record| (0, record))
}

#[test]
fn same_load_in_other_batches_codecs_and_transactions_is_identical() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("same-load");
    create_both(&pair, &topic, 3)?;
    let mut plan = LoadPlan::realistic(&topic, 3, 60_000, 11);
    plan.run_length = 3_000;
    let sent = produce(&pair.source, &plan.clone().transactional(1_000, 4))?;
    assert!(sent.aborted > 0);
    plan.codecs = vec![Codec::Lz4];
    produce(&pair.sink, &plan)?;
    let report = check(&pair, &topic)?;
    assert!(report.is_identical(), "{report:?}");
    assert_eq!(report.counts.matched, 60_000);
    let per_partition: Vec<u64> = report.partitions.iter().map(|one| one.counts.matched).collect();
    assert_eq!(per_partition, sent.committed);
    assert_eq!(report.unread_headers, 0);
    // The source's offsets run ahead of its records: markers and aborted records are in the log and were not read.
    assert!(end_offsets(&pair.source, &topic)?.iter().sum::<i64>() > 60_000);
    Ok(())
}

#[test]
fn faults_planted_in_a_real_topic_are_reported_with_their_offsets() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("planted");
    create_both(&pair, &topic, 1)?;
    let source = made(&topic, 2_000);
    let mut sink = source.clone();
    let null = source.iter().position(|record| record.value.is_none()).expect("a tombstone among 2,000");
    assert!((5..900).contains(&null), "the seed puts a tombstone early");
    sink.insert(1_900, source[1_890].clone());
    sink[1_500].headers.push(("added".to_owned(), None));
    sink.swap(1_200, 1_201);
    sink.remove(1_000);
    sink[null].value = Some(Vec::new());
    send(&pair.source, &topic, Codec::Zstd, to_partition_0(source))?;
    send(&pair.sink, &topic, Codec::Gzip, to_partition_0(sink))?;
    let report = check(&pair, &topic)?;
    let found: Vec<_> =
        report.examples.iter().map(|one| (one.kind, one.source_offset, one.sink_offset)).collect();
    let null = i64::try_from(null)?;
    let expected = [
        (Kind::Changed, Some(null), Some(null)),
        (Kind::Reordered, Some(1_201), Some(1_199)),
        (Kind::Changed, Some(1_500), Some(1_499)),
        (Kind::Duplicated, Some(1_890), Some(1_899)),
        (Kind::Missing, Some(1_000), None),
    ];
    assert_eq!(found, expected, "{report:#?}");
    assert_eq!(report.counts.differences(), 5);
    assert!(report.examples[0].what.contains("value is null at the source, empty at the sink"));
    Ok(())
}

#[test]
fn aborted_records_that_the_sink_shows_are_unexpected() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("aborted");
    create_both(&pair, &topic, 1)?;
    let records = made(&topic, 300);
    send(&pair.source, &topic, Codec::None, to_partition_0(records[..100].to_vec()))?;
    send_open(&pair.source, &topic, &topic, to_partition_0(records[100..200].to_vec()))?.abort()?;
    send(&pair.source, &topic, Codec::None, to_partition_0(records[200..].to_vec()))?;
    send(&pair.sink, &topic, Codec::None, to_partition_0(records))?;
    let report = check(&pair, &topic)?;
    assert_eq!((report.counts.matched, report.counts.unexpected), (200, 100));
    assert_eq!(report.counts.differences(), 100);
    assert_eq!(report.examples[0].sink_offset, Some(100));
    Ok(())
}

#[test]
fn records_of_an_open_transaction_are_not_compared() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("open");
    create_both(&pair, &topic, 1)?;
    let records = made(&topic, 200);
    send(&pair.source, &topic, Codec::Snappy, to_partition_0(records[..100].to_vec()))?;
    send(&pair.sink, &topic, Codec::Snappy, to_partition_0(records[..100].to_vec()))?;
    let open = send_open(&pair.sink, &topic, &topic, to_partition_0(records[100..].to_vec()))?;
    let impatient = Config { settle: Duration::ZERO, ..config(&pair, &topic) };
    let report = verify(&impatient, &RealClock::start(), &|_| {})?;
    assert!(report.is_identical(), "{report:?}");
    assert_eq!(report.counts.matched, 100);
    assert_eq!((report.partitions[0].source_unstable, report.partitions[0].sink_unstable), (0, 100));
    open.commit()?;
    let report = check(&pair, &topic)?;
    assert_eq!((report.counts.matched, report.counts.unexpected), (100, 100));
    Ok(())
}

#[test]
fn sink_without_its_tail_is_missing_records() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("tail");
    create_topic(&pair.source, &topic, 2, &NO_EXPIRY)?;
    create_topic(&pair.sink, &topic, 1, &NO_EXPIRY)?;
    let records = made(&topic, 100);
    let everywhere = records.iter().flat_map(|record| [(0, record.clone()), (1, record.clone())]);
    send(&pair.source, &topic, Codec::Lz4, everywhere)?;
    send(&pair.sink, &topic, Codec::Lz4, to_partition_0(records[..60].to_vec()))?;
    let report = check(&pair, &topic)?;
    let missing: Vec<u64> = report.partitions.iter().map(|one| one.counts.missing).collect();
    assert_eq!(missing, [40, 100], "the second partition is not there at all");
    assert_eq!(report.counts.differences(), 140);
    Ok(())
}

#[test]
fn start_offsets_bound_the_comparison() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("from");
    create_both(&pair, &topic, 1)?;
    let records = made(&topic, 100);
    send(&pair.source, &topic, Codec::None, to_partition_0(records.clone()))?;
    send(&pair.sink, &topic, Codec::None, to_partition_0(records[40..].to_vec()))?;
    let mut config = config(&pair, &topic);
    config.pairs[0].source_from.insert(0, 40);
    let report = verify(&config, &RealClock::start(), &|_| {})?;
    assert!(report.is_identical(), "{report:?}");
    assert_eq!(report.counts.matched, 60);
    Ok(())
}

#[test]
fn absent_topic_is_named() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("absent");
    create_topic(&pair.source, &topic, 1, &NO_EXPIRY)?;
    let error = check(&pair, &topic).expect_err("the sink has no such topic");
    assert_eq!(error.to_string(), format!("the sink has no topic {topic}"));
    Ok(())
}

#[test]
fn odd_batches_of_every_codec_are_compared_to_the_last_byte_of_a_header_name() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("odd");
    create_topic(&pair.source, &topic, 1, &ODD_TOPIC)?;
    create_topic(&pair.sink, &topic, 1, &ODD_TOPIC)?;
    let odd = odd_batches()?;
    assert_eq!(odd.names_not_utf8, 10, "two for each of five codecs");
    produce_batches(&pair.source, &topic, 0, &odd.batches)?;
    produce_batches(&pair.sink, &topic, 0, &odd.batches)?;
    let report = check(&pair, &topic)?;
    assert!(report.is_identical(), "{report:?}");
    assert_eq!(report.counts.matched, odd.records);
    assert_eq!(report.unread_headers, 0);
    Ok(())
}

#[test]
fn holes_left_by_compaction_are_no_difference() -> Result<()> {
    let pair = KafkaPair::get()?;
    let topic = pair.topic("holes");
    create_holes(&pair.source, &topic, 2_000)?;
    let config = Config::new(
        Cluster::new(&pair.source),
        Cluster::new(&pair.source),
        vec![TopicPair::new(&topic, &topic)],
    );
    let report = verify(&config, &RealClock::start(), &|_| {})?;
    assert!(report.is_identical(), "{report:?}");
    let [partition] = report.partitions.as_slice() else { panic!("one partition") };
    let offsets = partition.source_range.1 - partition.source_range.0;
    assert!(report.counts.matched < u64::try_from(offsets)?, "there are holes");
    Ok(())
}
