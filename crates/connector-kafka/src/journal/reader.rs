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
    pub(crate) async fn round(
        &mut self,
        connections: &mut Connections,
        visitor: &mut impl Visitor,
    ) -> Result<bool> {
        let mut by_broker: BTreeMap<BrokerId, Vec<(i32, i64)>> = BTreeMap::new();
        let mut topic_id = velostream_core::TopicId::default();
        for (partition, position) in &self.positions {
            let context = format!("internal topic {}-{partition}", self.topic);
            let leader = connections
                .cluster()
                .leader(&self.topic, *partition)
                .await
                .map_err(Error::client(context))?;
            topic_id = leader.topic_id;
            by_broker.entry(leader.broker).or_default().push((*partition, *position));
        }
        for (broker, partitions) in by_broker {
            let connection = connections.to(broker).await?;
            let fetch = self.request(topic_id, &partitions);
            let context = format!("internal topic {}", self.topic);
            let answer = connection.send(fetch).await.map_err(Error::client(context));
            let answer = answer.inspect_err(|_| connections.forget(broker))?;
            for fetched in &answer.partitions {
                self.take(broker, fetched, connections, visitor)?;
            }
        }
        Ok(self.positions.is_empty())
    }

    fn request(&self, topic_id: velostream_core::TopicId, partitions: &[(i32, i64)]) -> Fetch {
        let partitions = partitions
            .iter()
            .map(|(partition, position)| FetchPartition {
                partition: *partition,
                current_leader_epoch: -1,
                fetch_offset: *position,
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
        connections: &Connections,
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
                return Err(Error::SinkWentBack {
                    destination: format!("{}-{partition}", self.topic),
                    what: format!("offset {position} was committed, but the log ends before it"),
                });
            }
            code => {
                connections.cluster().invalidate_topic(&self.topic);
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
