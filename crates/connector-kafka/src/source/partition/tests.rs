//! What one Fetch answer means, without a broker.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use velostream_core::{KafkaPartition, Payload, Read, SplitId, TopicId};
use velostream_kafka_batch::{Batch, ProducerStamp, Record, WriteOptions, rewrite, write_batch};
use velostream_kafka_client::{
    AbortedTransaction, BrokerId, Config, EpochEnd, ErrorCode, FetchedPartition, Leader, TopicRef,
};

use super::{Next, Partition, UNKNOWN_LIMIT};
use crate::config::{GapPolicy, SourceConfig};
use crate::source::queue::Item;

const LEADER_EPOCH: i32 = 7;

fn partition(position: i64) -> Partition {
    let source = KafkaPartition {
        cluster_id: "c".into(),
        topic: "t".into(),
        topic_id: TopicId::default(),
        partition: 0,
    };
    Partition::new(SplitId::new("t-0"), Arc::new(source), position, 3, 1)
}

fn config() -> SourceConfig {
    SourceConfig::new(Config::default(), Vec::new())
}

fn answer(error: ErrorCode, records: Bytes) -> FetchedPartition {
    FetchedPartition {
        topic: TopicRef::Name("t".into()),
        partition: 0,
        error,
        high_watermark: 100,
        last_stable_offset: 100,
        log_start_offset: -1,
        diverging_epoch: None,
        current_leader: None,
        aborted: Vec::new(),
        preferred_read_replica: -1,
        records,
    }
}

/// A batch of `count` records as a broker keeps it: at `base`, with the leader's epoch; of a transaction where it has a
/// producer.
fn batch(base: i64, count: usize, producer: Option<i64>) -> Bytes {
    let record = Record {
        offset: 0,
        timestamp: 1,
        key: None,
        value: Some(Bytes::from_static(b"v")),
        headers: Vec::new(),
    };
    let records = vec![record; count];
    let plain = write_batch(&records, WriteOptions::default()).unwrap();
    let bytes = match producer {
        None => plain,
        Some(id) => {
            let stamp = ProducerStamp { id, epoch: 0, base_sequence: 0 };
            rewrite(&Batch::parse(plain).unwrap(), stamp).unwrap().to_bytes()
        }
    };
    // Neither field is covered by the checksum: brokers set both on append.
    let mut bytes = BytesMut::from(&bytes[..]);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes[12..16].copy_from_slice(&LEADER_EPOCH.to_be_bytes());
    bytes.freeze()
}

fn absorb(partition: &mut Partition, fetched: &FetchedPartition) -> (Next, Vec<Item>) {
    let mut items = Vec::new();
    let next = partition.absorb(fetched, &config(), &mut items);
    (next, items)
}

fn error(items: &[Item]) -> String {
    let [Item { read: Err(error), .. }] = items else { panic!("one error: {items:?}") };
    error.to_string()
}

#[test]
fn batch_is_passed_through_and_its_epoch_is_part_of_the_next_position() {
    let mut partition = partition(10);
    let (_, items) = absorb(&mut partition, &answer(ErrorCode::NONE, batch(10, 3, None)));
    let [Item { read: Ok(Read::Chunk(chunk)), .. }] = items.as_slice() else { panic!("{items:?}") };
    assert!(matches!(chunk.payload, Payload::Encoded(_)));
    let velostream_core::SourcePosition::Kafka { offset, leader_epoch, .. } = &chunk.next else { panic!() };
    assert_eq!((*offset, *leader_epoch), (13, LEADER_EPOCH));
}

#[test]
fn next_fetch_says_which_epoch_was_read_last() {
    let mut partition = partition(10);
    let leader = Leader { broker: BrokerId::BOOTSTRAP, epoch: 9, topic_id: TopicId::default() };
    let first = partition.wanted(&leader, 1 << 20);
    assert_eq!((first.fetch_offset, first.current_leader_epoch, first.last_fetched_epoch), (10, 9, 3));
    absorb(&mut partition, &answer(ErrorCode::NONE, batch(10, 3, None)));
    let second = partition.wanted(&leader, 1 << 20);
    assert_eq!((second.fetch_offset, second.last_fetched_epoch), (13, LEADER_EPOCH));
}

#[test]
fn log_that_diverged_is_a_gap_whatever_records_come_with_it() {
    let diverged = FetchedPartition {
        diverging_epoch: Some(EpochEnd { epoch: 2, end_offset: 33 }),
        ..answer(ErrorCode::NONE, batch(55, 1, None))
    };
    let mut partition = partition(55);
    let (_, items) = absorb(&mut partition, &diverged);
    assert!(error(&items).contains("truncated to offset 33"), "{}", error(&items));
    assert!(partition.done);
}

#[test]
fn position_below_the_log_start_is_a_gap() {
    let deleted =
        FetchedPartition { log_start_offset: 40, ..answer(ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new()) };
    let (_, items) = absorb(&mut partition(10), &deleted);
    assert!(error(&items).contains("below offset 40"), "{}", error(&items));
}

#[test]
fn deleted_records_are_stepped_over_only_where_the_job_says_so() {
    let deleted =
        FetchedPartition { log_start_offset: 40, ..answer(ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new()) };
    let (mut partition, mut items) = (partition(10), Vec::new());
    let config = SourceConfig { gap_policy: GapPolicy::Continue, ..config() };
    partition.absorb(&deleted, &config, &mut items);
    assert!(matches!(items.as_slice(), [Item { read: Ok(Read::Gap { .. }), .. }]), "{items:?}");
    assert_eq!((partition.position, partition.done), (40, false));
}

#[test]
fn topic_that_stays_unknown_is_gone_and_one_that_comes_back_is_not() {
    for unknown in
        [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::INCONSISTENT_TOPIC_ID]
    {
        let mut partition = partition(10);
        for _ in 1..UNKNOWN_LIMIT {
            let (next, items) = absorb(&mut partition, &answer(unknown, Bytes::new()));
            assert!(items.is_empty() && matches!(next, Next::Refresh));
        }
        absorb(&mut partition, &answer(ErrorCode::NONE, Bytes::new()));
        for _ in 1..UNKNOWN_LIMIT {
            assert!(absorb(&mut partition, &answer(unknown, Bytes::new())).1.is_empty());
        }
        let (_, items) = absorb(&mut partition, &answer(unknown, Bytes::new()));
        assert!(error(&items).contains("does not exist"), "{}", error(&items));
    }
}

#[test]
fn damaged_batch_is_fetched_once_more_and_then_stops_the_split() {
    let mut damaged = BytesMut::from(&batch(10, 3, None)[..]);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let damaged = answer(ErrorCode::NONE, damaged.freeze());
    let mut partition = partition(10);
    let (next, items) = absorb(&mut partition, &damaged);
    assert!(items.is_empty() && matches!(next, Next::Refresh));
    let (_, items) = absorb(&mut partition, &damaged);
    assert!(matches!(items.as_slice(), [Item { read: Err(_), .. }]), "{items:?}");
    assert_eq!((partition.position, partition.done), (10, true));
}

#[test]
fn aborted_batch_moves_the_position_only_and_plain_ones_of_that_producer_are_delivered() {
    let records = [batch(10, 2, Some(5)), batch(12, 2, None), batch(14, 2, Some(6))].concat();
    let fetched = FetchedPartition {
        aborted: vec![AbortedTransaction { producer_id: 5, first_offset: 10 }],
        ..answer(ErrorCode::NONE, records.into())
    };
    let (_, items) = absorb(&mut partition(10), &fetched);
    let delivered: Vec<bool> = items.iter().map(|i| matches!(i.read, Ok(Read::Chunk(_)))).collect();
    assert_eq!(delivered, [false, true, true]);
}

#[test]
fn topic_with_another_id_was_created_again_and_no_id_says_nothing() {
    let id = |n| TopicId([n; 16]);
    let of = |topic_id| Leader { broker: BrokerId::BOOTSTRAP, epoch: 0, topic_id };
    let mut partition = partition(10);
    assert!(!partition.was_created_again(&of(id(1))));
    let source = KafkaPartition { topic_id: id(1), ..KafkaPartition::clone(&partition.source) };
    partition.source = Arc::new(source);
    assert!(
        !partition.was_created_again(&of(id(1))) && !partition.was_created_again(&of(TopicId::default()))
    );
    assert!(partition.was_created_again(&of(id(2))));
}
