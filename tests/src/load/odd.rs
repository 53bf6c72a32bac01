//! Batches that no librdkafka producer can make, written byte by byte.
//!
//! This is the one place where the generator uses our own codec and client. What comes out is judged by librdkafka and
//! by Kafka's Java tools, never by the same code.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use velostream_core::Header;
use velostream_kafka_batch::{Compression, Record, WriteOptions, write_batch};
use velostream_kafka_client::{Cluster, Config, Produce, ProducePartition, ProduceTopic, Segments};

use super::topic::{block_on, create_topic};
use crate::services::pause;

/// Topic settings under which a broker takes every odd batch: no bound on timestamps, no expiry by time.
pub const ODD_TOPIC: [(&str, &str); 3] = [
    ("retention.ms", "-1"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

/// What [`odd_batches`] made.
#[derive(Debug, Clone)]
pub struct OddBatches {
    /// One encoded batch each.
    pub batches: Vec<Bytes>,
    /// Records in all of them.
    pub records: u64,
    /// Records with a header name that is not UTF-8.
    pub names_not_utf8: u64,
}

/// The odd batches, once per codec: timestamps 0, far ahead and going back inside a batch;
/// header names that are empty, repeated or no UTF-8; null and empty everywhere; one record of 600 KB; a batch of one.
///
/// # Errors
/// Never in practice: the codec's own.
pub fn odd_batches() -> Result<OddBatches> {
    odd_batches_of(0)
}

/// As [`odd_batches`], with values and timestamps that tell the records of one round from those of all others; the
/// record of 600 KB is in every eighth round only.
///
/// # Errors
/// Never in practice: the codec's own.
pub fn odd_batches_of(round: u32) -> Result<OddBatches> {
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    let mut groups =
        vec![timestamps(round), header_names(round), nulls(round), vec![record(b"alone", usual(round))]];
    if round.is_multiple_of(8) {
        groups.push(vec![large(round)]);
    }
    let mut made = OddBatches { batches: Vec::new(), records: 0, names_not_utf8: 0 };
    for compression in codecs {
        for group in &groups {
            let options = WriteOptions { compression, ..WriteOptions::default() };
            made.batches.push(write_batch(group, options).context("cannot write an odd batch")?);
            made.records += u64::try_from(group.len())?;
            let is_odd = |header: &Header| std::str::from_utf8(&header.name).is_err();
            let odd = group.iter().filter(|one| one.headers.iter().any(is_odd)).count();
            made.names_not_utf8 += u64::try_from(odd)?;
        }
    }
    Ok(made)
}

/// Appends encoded batches to a partition, one request each, without a producer id.
///
/// # Errors
/// When the broker refuses one.
pub fn produce_batches(bootstrap: &str, topic: &str, partition: i32, batches: &[Bytes]) -> Result<()> {
    let config =
        Config { bootstrap_servers: bootstrap.split(',').map(str::to_owned).collect(), ..Config::default() };
    block_on(async {
        let cluster = Cluster::connect(config).await?;
        let leader = cluster.leader(topic, partition).await?;
        let connection = cluster.open(leader.broker).await?;
        for batch in batches {
            let records = Segments::from(batch.clone());
            let request = Produce {
                transactional_id: None,
                acks: -1,
                timeout: Duration::from_secs(30),
                topics: vec![ProduceTopic {
                    topic: topic.to_owned(),
                    topic_id: leader.topic_id,
                    partitions: vec![ProducePartition { partition, records }],
                }],
                max_version: Produce::MAX_V1,
            };
            let response = connection.send(request).await?;
            response.partitions.first().context("an empty reply")?.check(leader.broker, topic)?;
        }
        Ok(())
    })?
}

/// Creates a compacted topic of one partition and waits until the cleaner has made holes in its batches: `records`
/// records over a tenth as many keys, so that about nine in ten are gone. Takes the time of a cleaner's round (15 s by
/// default; `log.cleaner.backoff.ms` of the cluster shortens it).
///
/// # Errors
/// When no hole appears within two minutes.
pub fn create_holes(bootstrap: &str, topic: &str, records: u64) -> Result<()> {
    let config = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "1000"),
        ("min.compaction.lag.ms", "0"),
    ];
    create_topic(bootstrap, topic, 1, &config)?;
    let keys = (records / 10).max(1);
    let batches: Vec<Bytes> = (0..records.div_ceil(100))
        .map(|batch| {
            let one = |at: u64| {
                let key = Bytes::from(format!("key-{}", (at * 7) % keys));
                Record { key: Some(key), ..record(format!("{topic} {at}").as_bytes(), now_ms()) }
            };
            let group: Vec<Record> = (batch * 100..(batch * 100 + 100).min(records)).map(one).collect();
            Ok(write_batch(
                &group,
                WriteOptions { compression: Compression::Lz4, ..WriteOptions::default() },
            )?)
        })
        .collect::<Result<_>>()?;
    produce_batches(bootstrap, topic, 0, &batches)?;
    for _ in 0..120 {
        // The active segment is never cleaned: another record after segment.ms rolls it.
        pause(Duration::from_secs(1));
        let tail = Record { key: Some(Bytes::from_static(b"tail")), ..record(b"tail", now_ms()) };
        produce_batches(bootstrap, topic, 0, &[write_batch(&[tail], WriteOptions::default())?])?;
        if count_records(bootstrap, topic, records)? < records / 2 {
            return Ok(());
        }
    }
    anyhow::bail!("the cleaner made no holes in {topic} within two minutes")
}

/// Records of partition 0 below `end` that are still there.
fn count_records(bootstrap: &str, topic: &str, end: u64) -> Result<u64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "velostream-load")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    let mut seen = 0;
    while let Some(Ok(message)) = consumer.poll(Duration::from_secs(10)) {
        seen += u64::from(u64::try_from(message.offset()).is_ok_and(|offset| offset < end));
    }
    Ok(seen)
}

fn now_ms() -> i64 {
    rdkafka::util::current_time_millis()
}

fn record(value: &[u8], timestamp: i64) -> Record {
    Record { value: Some(Bytes::copy_from_slice(value)), timestamp, ..Record::default() }
}

/// A timestamp that only this round has.
fn usual(round: u32) -> i64 {
    1_700_000_000_000 + i64::from(round)
}

fn timestamps(round: u32) -> Vec<Record> {
    let far = 253_402_300_799_000;
    let value = format!("timestamp {round}");
    [usual(round), 0, far, 5, usual(round), 1].iter().map(|one| record(value.as_bytes(), *one)).collect()
}

fn header_names(round: u32) -> Vec<Record> {
    let names: [&[&[u8]]; 5] = [
        &[b""],
        &[b"a", b"a", b"b", b"a"],
        &[b"\xff\xfe"],
        &[b"fine", b"\xc3\x28", b"fine"],
        &["caf\u{e9}".as_bytes()],
    ];
    let values: [Option<&[u8]>; 4] = [Some(b"\xff\x00"), None, Some(b""), Some(b"text")];
    names
        .iter()
        .map(|names| Record {
            headers: names
                .iter()
                .zip(values.iter().cycle())
                .map(|(name, value)| Header {
                    name: Bytes::copy_from_slice(name),
                    value: value.map(Bytes::copy_from_slice),
                })
                .collect(),
            ..record(b"header names", usual(round))
        })
        .collect()
}

fn nulls(round: u32) -> Vec<Record> {
    let options = [None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))];
    let pairs = options.iter().flat_map(|key| options.iter().map(move |value| (key.clone(), value.clone())));
    pairs.map(|(key, value)| Record { key, value, timestamp: usual(round), ..Record::default() }).collect()
}

/// Random enough that no codec makes it small.
fn large(round: u32) -> Record {
    let mut random = super::random::Random::new(600, u64::from(round));
    let bytes: Vec<u8> = (0..75_000).flat_map(|_| random.next().to_le_bytes()).collect();
    record(&bytes, usual(round))
}
