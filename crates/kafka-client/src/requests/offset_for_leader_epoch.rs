//! OffsetForLeaderEpoch: where an epoch ends; tells a truncated log from a healthy one (KIP-279, KIP-320).

use std::sync::Arc;
use std::time::Duration;

use crate::request::read_topics;
use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks leaders where epochs end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderEpoch {
    /// What to look up.
    pub topics: Vec<EpochTopic>,
}

/// One topic of an [`OffsetForLeaderEpoch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTopic {
    /// Name.
    pub topic: String,
    /// Its partitions.
    pub partitions: Vec<EpochPartition>,
}

/// One partition of an [`OffsetForLeaderEpoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochPartition {
    /// Number.
    pub partition: i32,
    /// Epoch of the leader as the client knows it, -1 for none.
    pub current_leader_epoch: i32,
    /// The epoch to look up.
    pub leader_epoch: i32,
}

/// Answer to an [`OffsetForLeaderEpoch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<EpochEndOffset>,
}

/// One partition of an [`OffsetForLeaderEpochResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// Topic name.
    pub topic: Arc<str>,
    /// Number.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// The largest epoch not beyond the one asked for, -1 where there is none.
    pub leader_epoch: i32,
    /// Offset after its last record, -1 where there is none.
    pub end_offset: i64,
}

impl EpochEndOffset {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the partition.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        self.error.check(broker, ApiKey::OffsetForLeaderEpoch).map_err(|e| e.at(&*self.topic, self.partition))
    }
}

impl Request for OffsetForLeaderEpoch {
    type Response = OffsetForLeaderEpochResponse;
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const MIN: i16 = 2;
    const MAX: i16 = 4;
    const FLEXIBLE: i16 = 4;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        if w.version() >= 3 {
            w.i32(-1); // replica id: a consumer
        }
        w.array(&self.topics, |w, topic| {
            w.string(&topic.topic);
            w.array(&topic.partitions, |w, p| {
                w.i32(p.partition);
                w.i32(p.current_leader_epoch);
                w.i32(p.leader_epoch);
                w.end_struct();
            });
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<OffsetForLeaderEpochResponse, Malformed> {
        let throttle = r.millis()?;
        let partitions = read_topics(r, |r, topic| {
            let error = r.error_code()?;
            Ok(EpochEndOffset {
                topic: Arc::clone(topic),
                partition: r.i32()?,
                error,
                leader_epoch: r.i32()?,
                end_offset: r.i64()?,
            })
        })?;
        r.end_struct()?;
        Ok(OffsetForLeaderEpochResponse { throttle, partitions })
    }

    fn throttle(response: &OffsetForLeaderEpochResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, theirs, topic_name};

    #[test]
    fn request_reads_back_in_every_version() {
        let partition = EpochPartition { partition: 3, current_leader_epoch: 4, leader_epoch: 2 };
        let topics = vec![EpochTopic { topic: "t".to_owned(), partitions: vec![partition] }];
        check::request(&OffsetForLeaderEpoch { topics }, |v| {
            use theirs::offset_for_leader_epoch_request as o;
            let partition = o::OffsetForLeaderPartition::default()
                .with_partition(3)
                .with_current_leader_epoch(4)
                .with_leader_epoch(2);
            let topic = o::OffsetForLeaderTopic::default()
                .with_topic(topic_name("t"))
                .with_partitions(vec![partition]);
            let expected = theirs::OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
            if v >= 3 { expected.with_replica_id(theirs::BrokerId(-1)) } else { expected }
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::offset_for_leader_epoch_response as o;
        check::response::<OffsetForLeaderEpoch, _>(
            |_| {
                let end = o::EpochEndOffset::default()
                    .with_error_code(74)
                    .with_partition(3)
                    .with_leader_epoch(2)
                    .with_end_offset(33);
                let topic = o::OffsetForLeaderTopicResult::default()
                    .with_topic(topic_name("t"))
                    .with_partitions(vec![end]);
                theirs::OffsetForLeaderEpochResponse::default()
                    .with_throttle_time_ms(3)
                    .with_topics(vec![topic])
            },
            |_| OffsetForLeaderEpochResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![EpochEndOffset {
                    topic: "t".into(),
                    partition: 3,
                    error: ErrorCode::FENCED_LEADER_EPOCH,
                    leader_epoch: 2,
                    end_offset: 33,
                }],
            },
        );
    }
}
