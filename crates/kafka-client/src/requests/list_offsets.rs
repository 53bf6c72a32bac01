//! ListOffsets: ends of a log and offsets by time.

use std::sync::Arc;
use std::time::Duration;

use crate::request::read_topics;
use crate::{ApiKey, BrokerId, ErrorCode, Isolation, Malformed, Reader, Request, Result, Writer};

/// Timestamp that asks for the end: the last stable offset when reading committed, else the high watermark.
pub const LATEST: i64 = -1;
/// Timestamp that asks for the first offset.
pub const EARLIEST: i64 = -2;

/// Asks leaders for offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsets {
    /// Decides what [`LATEST`] means.
    pub isolation: Isolation,
    /// What to look up.
    pub topics: Vec<ListOffsetsTopic>,
}

/// One topic of a [`ListOffsets`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsTopic {
    /// Name.
    pub topic: String,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One partition of a [`ListOffsets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// Number.
    pub partition: i32,
    /// Epoch of the leader as the client knows it, -1 for none.
    pub current_leader_epoch: i32,
    /// Milliseconds since the Unix epoch, [`LATEST`] or [`EARLIEST`].
    pub timestamp_ms: i64,
}

/// Answer to a [`ListOffsets`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<ListedOffset>,
}

/// One partition of a [`ListOffsetsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOffset {
    /// Topic name.
    pub topic: Arc<str>,
    /// Number.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// Timestamp of the record found, -1 where there is none.
    pub timestamp_ms: i64,
    /// The offset, -1 where no record is that late.
    pub offset: i64,
    /// Epoch of that record's leader, -1 where unknown.
    pub leader_epoch: i32,
}

impl ListedOffset {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the partition.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        self.error.check(broker, ApiKey::ListOffsets).map_err(|e| e.at(&*self.topic, self.partition))
    }
}

impl Request for ListOffsets {
    type Response = ListOffsetsResponse;
    const KEY: ApiKey = ApiKey::ListOffsets;
    // Version 2 is the first that knows isolation.
    const MIN: i16 = 2;
    const MAX: i16 = 7;
    const FLEXIBLE: i16 = 6;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.i32(-1); // replica id: a consumer
        self.isolation.write(w);
        w.array(&self.topics, |w, topic| {
            w.string(&topic.topic);
            w.array(&topic.partitions, |w, p| {
                w.i32(p.partition);
                if w.version() >= 4 {
                    w.i32(p.current_leader_epoch);
                }
                w.i64(p.timestamp_ms);
                w.end_struct();
            });
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<ListOffsetsResponse, Malformed> {
        let throttle = r.millis()?;
        let partitions = read_topics(r, |r, topic| {
            Ok(ListedOffset {
                topic: Arc::clone(topic),
                partition: r.i32()?,
                error: r.error_code()?,
                timestamp_ms: r.i64()?,
                offset: r.i64()?,
                leader_epoch: if r.version() >= 4 { r.i32()? } else { -1 },
            })
        })?;
        r.end_struct()?;
        Ok(ListOffsetsResponse { throttle, partitions })
    }

    fn throttle(response: &ListOffsetsResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, theirs, topic_name};

    #[test]
    fn request_reads_back_in_every_version() {
        let partition =
            ListOffsetsPartition { partition: 3, current_leader_epoch: 4, timestamp_ms: EARLIEST };
        let topics = vec![ListOffsetsTopic { topic: "t".to_owned(), partitions: vec![partition] }];
        check::request(&ListOffsets { isolation: Isolation::ReadCommitted, topics }, |v| {
            use theirs::list_offsets_request as l;
            let mut partition = l::ListOffsetsPartition::default().with_partition_index(3).with_timestamp(-2);
            if v >= 4 {
                partition.current_leader_epoch = 4;
            }
            let topic =
                l::ListOffsetsTopic::default().with_name(topic_name("t")).with_partitions(vec![partition]);
            theirs::ListOffsetsRequest::default()
                .with_replica_id(theirs::BrokerId(-1))
                .with_isolation_level(1)
                .with_topics(vec![topic])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::list_offsets_response as l;
        check::response::<ListOffsets, _>(
            |v| {
                let mut partition = l::ListOffsetsPartitionResponse::default()
                    .with_partition_index(3)
                    .with_error_code(78)
                    .with_timestamp(11)
                    .with_offset(12);
                if v >= 4 {
                    partition.leader_epoch = 5;
                }
                let topic = l::ListOffsetsTopicResponse::default()
                    .with_name(topic_name("t"))
                    .with_partitions(vec![partition]);
                theirs::ListOffsetsResponse::default().with_throttle_time_ms(3).with_topics(vec![topic])
            },
            |v| ListOffsetsResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![ListedOffset {
                    topic: "t".into(),
                    partition: 3,
                    error: ErrorCode::OFFSET_NOT_AVAILABLE,
                    timestamp_ms: 11,
                    offset: 12,
                    leader_epoch: if v >= 4 { 5 } else { -1 },
                }],
            },
        );
    }
}
