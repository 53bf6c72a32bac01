//! Reading partitions of the journal up to a point that the caller names.

use std::collections::BTreeMap;
use std::time::Duration;

use velostream_kafka_batch::{Batches, ControlMarker, Limits};
use velostream_kafka_client::{
    ApiKey, BrokerId, ErrorCode, Fetch, FetchPartition, FetchTopic, FetchedPartition, Isolation,
};
use velostream_protocol::kafka_lane::{AbortedFilter, BatchKind, Verdict};

use super::Entry;
use crate::connections::Connections;
use crate::error::{Error, Result};

/// Looks at entries and says when a partition has been read far enough.
pub(crate) trait Visitor {
    /// One entry, in offset order within its partition.
    fn entry(&mut self, partition: i32, offset: i64, entry: Entry);

    /// Reading has come to `position`.
    fn finished(&mut self, partition: i32, position: i64, ends: Ends) -> bool;
}

/// Ends of a partition as a Fetch answer tells them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) last_stable: i64,
    pub(crate) high_watermark: i64,
}

const MAX_WAIT: Duration = Duration::from_millis(20);
const PARTITION_BYTES: i32 = 1 << 20;
const FETCH_BYTES: i32 = 4 << 20;

/// One partition of a Fetch.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    partition: i32,
    position: i64,
    leader_epoch: i32,
}

/// Where to read from and with which isolation.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) topic: String,
    pub(crate) isolation: Isolation,
    /// Offset next to be read, per partition that is not finished.
    pub(crate) positions: BTreeMap<i32, i64>,
}

impl Reading {
    /// One round over all unfinished partitions; true once there is none left.
    ///
    /// # Errors
    /// `Retry` for everything that the next leader may answer otherwise, which includes a position beyond the end of
    /// the log ([`Error::JournalBehind`]): a leader that was replaced while it was paused answers that until it learns
    /// of it. Whether the log itself went back is not told from a Fetch at all: a claim tells it by the offset of the
    /// record that it appended (see `sink/claim.rs`).
    pub(crate) async fn round(
        &mut self,
        connections: &mut Connections,
        visitor: &mut impl Visitor,
    ) -> Result<bool> {
        let mut by_broker: BTreeMap<BrokerId, Vec<Wanted>> = BTreeMap::new();
        let mut topic_id = velostream_core::TopicId::default();
        for (partition, position) in &self.positions {
            let context = format!("internal topic {}-{partition}", self.topic);
            let leader = connections
                .cluster()
                .leader(&self.topic, *partition)
                .await
                .map_err(Error::client(context))?;
            topic_id = leader.topic_id;
            let wanted = Wanted { partition: *partition, position: *position, leader_epoch: leader.epoch };
            by_broker.entry(leader.broker).or_default().push(wanted);
        }
        for (broker, partitions) in by_broker {
            let connection = connections.to(broker).await?;
            let fetch = self.request(topic_id, &partitions);
            let context = format!("internal topic {}", self.topic);
            let answer = connection.send(fetch).await.map_err(Error::client(context));
            let answer = answer.inspect_err(|_| connections.forget(broker))?;
            for fetched in &answer.partitions {
                let taken = self.take(broker, fetched, visitor);
                taken.inspect_err(|_| connections.cluster().invalidate_topic(&self.topic))?;
            }
        }
        Ok(self.positions.is_empty())
    }

    fn request(&self, topic_id: velostream_core::TopicId, partitions: &[Wanted]) -> Fetch {
        let partitions = partitions
            .iter()
            .map(|wanted| FetchPartition {
                partition: wanted.partition,
                // A leader that was replaced and does not know it answers UNKNOWN_LEADER_EPOCH instead of old data.
                current_leader_epoch: wanted.leader_epoch,
                fetch_offset: wanted.position,
                last_fetched_epoch: -1,
                max_bytes: PARTITION_BYTES,
            })
            .collect();
        Fetch {
            max_wait: MAX_WAIT,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            isolation: self.isolation,
            topics: vec![FetchTopic { topic: self.topic.clone(), topic_id, partitions }],
            rack: String::new(),
        }
    }

    fn take(
        &mut self,
        broker: BrokerId,
        fetched: &FetchedPartition,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let partition = fetched.partition;
        let Some(position) = self.positions.get_mut(&partition) else { return Ok(()) };
        match fetched.error {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE if *position < fetched.log_start_offset => {
                *position = fetched.log_start_offset;
                return Ok(());
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                return Err(Error::JournalBehind {
                    topic: self.topic.clone(),
                    partition,
                    position: *position,
                });
            }
            code => {
                let context = format!("internal topic {}-{partition}", self.topic);
                return code.check(broker, ApiKey::Fetch).map_err(Error::client(context));
            }
        }
        *position = entries(fetched, self.isolation, *position, visitor)?;
        let ends = Ends { last_stable: fetched.last_stable_offset, high_watermark: fetched.high_watermark };
        if visitor.finished(partition, *position, ends) {
            self.positions.remove(&partition);
        }
        Ok(())
    }
}

/// Hands the entries of one answer to the visitor and returns the offset next to be read.
fn entries(
    fetched: &FetchedPartition,
    isolation: Isolation,
    from: i64,
    visitor: &mut impl Visitor,
) -> Result<i64> {
    let partition = fetched.partition;
    let broken = |offset: i64| {
        move |e: velostream_kafka_batch::Error| Error::Journal { partition, offset, what: e.to_string() }
    };
    let mut position = from;
    let mut filter = AbortedFilter::new(fetched.aborted.iter().map(|a| (a.producer_id, a.first_offset)));
    for batch in Batches::new(fetched.records.clone()) {
        let batch = batch.map_err(broken(position))?;
        batch.verify_crc().map_err(broken(batch.base_offset()))?;
        position = position.max(batch.next_offset());
        let producer_id = batch.producer_id();
        let kind = if batch.is_control() {
            let marker = batch.control_marker().map_err(broken(batch.base_offset()))?;
            if marker == ControlMarker::Abort {
                BatchKind::AbortMarker { producer_id }
            } else {
                BatchKind::OtherControl
            }
        } else if batch.is_transactional() && isolation == Isolation::ReadCommitted {
            BatchKind::Transactional { producer_id }
        } else {
            BatchKind::Plain
        };
        if filter.judge(batch.last_offset(), kind) == Verdict::Skip {
            continue;
        }
        let limits = Limits { max_decompressed_bytes: 16 << 20 };
        for record in batch.records(limits).map_err(broken(batch.base_offset()))? {
            if record.offset >= from
                && let Some(entry) = Entry::from_record(partition, &record)?
            {
                visitor.entry(partition, record.offset, entry);
            }
        }
    }
    Ok(position)
}

#[cfg(test)]
mod tests;
