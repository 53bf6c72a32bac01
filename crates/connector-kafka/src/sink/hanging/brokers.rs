//! Questions to brokers about open transactions, and the one request that ends them.

use std::collections::BTreeMap;
use std::time::Duration;

use velostream_kafka_batch::{Batch, Batches, Limits};
use velostream_kafka_client::{
    ApiKey, BrokerId, CoordinatorKind, DescribeProducers, DescribeTransactions, ErrorCode, Fetch,
    FetchPartition, FetchTopic, FetchedPartition, Isolation, TopicPartitions, Topics, TxnMarker,
    WriteTxnMarkers,
};

use super::fate::{Search, Suspect};
use super::log::{self, Entry};
use crate::connections::Connections;
use crate::error::{Error, Result};
use crate::offsets::{Spec, list_offsets};
use crate::sink::outgoing::Target;

/// Bytes asked for with one Fetch.
const FETCH_BYTES: i32 = 4 << 20;

/// A transaction that a leader holds open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) suspect: Suspect,
    /// Its first offset in the partition.
    pub(super) start: i64,
    /// Epoch of the coordinator that ended this producer's transaction before, -1 for none.
    pub(super) coordinator_epoch: i32,
}

impl Open {
    /// True where this is the same transaction, whatever has joined it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let of = |o: &Self| (o.suspect.partition, o.suspect.producer_id, o.start);
        of(self) == of(other) && self.suspect.topic == other.suspect.topic
    }
}

/// What is open on these partitions, whoever's it is.
pub(super) async fn open_on(connections: &mut Connections, targets: &[Target]) -> Result<Vec<Open>> {
    let mut by_broker: BTreeMap<BrokerId, Vec<TopicPartitions>> = BTreeMap::new();
    for target in targets {
        let context = || format!("sink {target}");
        let leader = connections.cluster().leader(&target.topic, target.partition).await;
        let leader = leader.map_err(Error::client(context()))?;
        let one = TopicPartitions { topic: target.topic.to_string(), partitions: vec![target.partition] };
        by_broker.entry(leader.broker).or_default().push(one);
    }
    let mut open = Vec::new();
    for (broker, topics) in by_broker {
        let context = || "producers of the sink's partitions".to_owned();
        let connection = connections.to(broker).await?;
        let answer = connection.send(DescribeProducers { topics }).await.map_err(Error::client(context()))?;
        for partition in answer.partitions {
            if !partition.error.is_ok() {
                connections.cluster().invalidate_topic(&partition.topic);
            }
            partition.check(broker).map_err(Error::client(context()))?;
            for producer in partition.producers.iter().filter(|p| p.transaction_start >= 0) {
                let Ok(producer_epoch) = i16::try_from(producer.producer_epoch) else { continue };
                let suspect = Suspect {
                    topic: partition.topic.to_string(),
                    partition: partition.partition,
                    producer_id: producer.producer_id,
                    producer_epoch,
                };
                let (start, coordinator_epoch) = (producer.transaction_start, producer.coordinator_epoch);
                open.push(Open { suspect, start, coordinator_epoch });
            }
        }
    }
    Ok(open)
}

/// The producer id of a transactional id; `None` where its coordinator does not know it.
pub(super) async fn producer_of(connections: &mut Connections, id: &str) -> Result<Option<i64>> {
    let context = || format!("transaction of {id}");
    let coordinator = connections.cluster().coordinator(CoordinatorKind::Transaction, id).await;
    let coordinator = coordinator.map_err(Error::client(context()))?;
    let connection = connections.to(coordinator).await?;
    let request = DescribeTransactions { transactional_ids: vec![id.to_owned()] };
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    let Some(state) = answer.states.into_iter().find(|s| s.transactional_id == id) else { return Ok(None) };
    if state.error == ErrorCode::TRANSACTIONAL_ID_NOT_FOUND {
        return Ok(None);
    }
    state.check(coordinator).map_err(Error::client(context()))?;
    Ok(Some(state.producer_id))
}

/// True where the log at the start of the open transaction holds the epoch that the leader names as the newest: epochs
/// only grow, so that everything open of this producer is of one epoch.
pub(super) async fn is_of_one_epoch(connections: &mut Connections, open: &Open) -> Result<bool> {
    let Suspect { topic, partition, .. } = &open.suspect;
    let fetched = fetch(connections, topic, *partition, open.start, 1 << 16).await?;
    let Some(first) = Batches::new(fetched.records).next() else { return Ok(false) };
    let first = first.map_err(|source| broken(topic, *partition, &source))?;
    Ok(first.is_transactional()
        && !first.is_control()
        && (first.base_offset()..=first.last_offset()).contains(&open.start)
        && (first.producer_id(), first.producer_epoch())
            == (open.suspect.producer_id, open.suspect.producer_epoch))
}

/// Reads the coordinator's log of one transactional id from its beginning to its end, as it is now.
pub(super) async fn read_log(connections: &mut Connections, id: &str, search: &mut Search) -> Result<()> {
    let partition = partition_of(connections, log::TOPIC, id).await?;
    let connection = connections.leader_of(log::TOPIC, partition).await?;
    let spec = (Spec::Earliest, Isolation::ReadUncommitted);
    let at = (log::TOPIC, partition, -1);
    let mut position = list_offsets(&connection, at, spec.0, spec.1).await?;
    let end = list_offsets(&connection, at, Spec::Latest, spec.1).await?;
    let key = log::key(id);
    while position < end {
        let fetched = fetch(connections, log::TOPIC, partition, position, FETCH_BYTES).await?;
        let from = position;
        for batch in Batches::new(fetched.records) {
            let batch = batch.map_err(|e| broken(log::TOPIC, partition, &e))?;
            position = position.max(batch.next_offset());
            entries(&batch, partition, from, &key, search)?;
        }
        if position == from {
            // The end may be of records that compaction took away.
            break;
        }
    }
    Ok(())
}

fn entries(batch: &Batch, partition: i32, from: i64, key: &[u8], search: &mut Search) -> Result<()> {
    let damaged = |e: velostream_kafka_batch::Error| broken(log::TOPIC, partition, &e);
    batch.verify_crc().map_err(damaged)?;
    if batch.is_control() {
        return Ok(());
    }
    for record in batch.records(Limits { max_decompressed_bytes: 16 << 20 }).map_err(damaged)? {
        if record.offset < from || record.key.as_deref() != Some(key) {
            continue;
        }
        let entry = record.value.map(Entry::decode).transpose();
        search.entry(entry.map_err(|e| broken(log::TOPIC, partition, &e))?);
    }
    Ok(())
}

fn broken(topic: &str, partition: i32, what: &dyn std::error::Error) -> Error {
    Error::Unreadable { destination: format!("{topic}-{partition}"), what: what.to_string() }
}

/// The partition of an internal topic that belongs to a transactional id or a group.
pub(super) async fn partition_of(connections: &Connections, topic: &str, name: &str) -> Result<i32> {
    let context = || format!("sink {topic}");
    let metadata = connections.cluster().metadata(Topics::Names(vec![topic.to_owned()])).await;
    let metadata = metadata.map_err(Error::client(context()))?;
    let found = metadata.topics.iter().find(|t| t.name.as_deref() == Some(topic));
    let found = found.ok_or(Error::Defect("metadata without the topic that was asked for"))?;
    found.error.check(BrokerId::BOOTSTRAP, ApiKey::Metadata).map_err(Error::client(context()))?;
    log::partition_of(name, found.partitions.len())
        .ok_or(Error::Defect("an internal topic without partitions"))
}

async fn fetch(
    connections: &mut Connections,
    topic: &str,
    partition: i32,
    fetch_offset: i64,
    max_bytes: i32,
) -> Result<FetchedPartition> {
    let context = || format!("sink {topic}-{partition}");
    let leader = connections.cluster().leader(topic, partition).await.map_err(Error::client(context()))?;
    let connection = connections.to(leader.broker).await?;
    let only = FetchPartition {
        partition,
        current_leader_epoch: -1,
        fetch_offset,
        last_fetched_epoch: -1,
        max_bytes,
    };
    let request = Fetch {
        max_wait: Duration::from_millis(20),
        min_bytes: 1,
        max_bytes,
        isolation: Isolation::ReadUncommitted,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            topic_id: leader.topic_id,
            partitions: vec![only],
        }],
        rack: String::new(),
    };
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    let fetched = answer.partitions.into_iter().find(|p| p.partition == partition);
    let fetched = fetched.ok_or(Error::Defect("a Fetch answer without the partition that was asked for"))?;
    fetched.check(leader.broker, topic, fetch_offset).map_err(Error::client(context()))?;
    Ok(fetched)
}

/// Writes the marker that the coordinator owes. Its epoch is the transaction's own, so that the leader refuses it where
/// the producer has written with a later one meanwhile; such a refusal is no error here, the next look tells.
pub(super) async fn end(connections: &mut Connections, open: &Open, commit: bool) -> Result<()> {
    let Suspect { topic, partition, producer_id, producer_epoch } = &open.suspect;
    let connection = connections.leader_of(topic, *partition).await?;
    let marker = TxnMarker {
        producer_id: *producer_id,
        producer_epoch: *producer_epoch,
        commit,
        topics: vec![TopicPartitions { topic: topic.clone(), partitions: vec![*partition] }],
        coordinator_epoch: open.coordinator_epoch.max(0),
    };
    let context = || format!("ending a transaction on sink {topic}-{partition}");
    let request = WriteTxnMarkers { markers: vec![marker] };
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    for result in answer.markers.iter().flat_map(|m| &m.partitions) {
        let moved_on = matches!(
            result.error,
            ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_COORDINATOR_FENCED
        );
        if !moved_on {
            result.check(connection.broker(), ApiKey::WriteTxnMarkers).map_err(Error::client(context()))?;
        }
    }
    Ok(())
}
