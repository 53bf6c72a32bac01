//! OffsetCommit: offsets outside of any transaction, for lag tools and for an operator's reset. Not part of the
//! exactly-once path.

use std::time::Duration;

use super::txn_offset_commit::CommitTopic;
use crate::request::PartitionResult;
use crate::{ApiKey, Malformed, Reader, Request, Result, Writer};

/// Commits offsets of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The group.
    pub group: String,
    /// Generation; -1 for a group without members.
    pub generation: i32,
    /// Member id; empty for a group without members.
    pub member: String,
    /// The offsets.
    pub topics: Vec<CommitTopic>,
}

/// Answer to an [`OffsetCommit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<PartitionResult>,
}

impl Request for OffsetCommit {
    type Response = OffsetCommitResponse;
    const KEY: ApiKey = ApiKey::OffsetCommit;
    // Version 5 is the first without a retention time of its own.
    const MIN: i16 = 5;
    const MAX: i16 = 9;
    const FLEXIBLE: i16 = 8;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.group);
        w.i32(self.generation);
        w.string(&self.member);
        if w.version() >= 7 {
            w.nullable_string(None); // static instance id
        }
        w.array(&self.topics, |w, topic| topic.write(w, 6));
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<OffsetCommitResponse, Malformed> {
        let response =
            OffsetCommitResponse { throttle: r.millis()?, partitions: PartitionResult::read_all(r)? };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &OffsetCommitResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, theirs, topic_name};

    #[test]
    fn request_reads_back_in_every_version() {
        let partition =
            super::super::CommitPartition { partition: 3, offset: 44, leader_epoch: 2, metadata: None };
        let topics = vec![CommitTopic { topic: "t".to_owned(), partitions: vec![partition] }];
        check::request(
            &OffsetCommit { group: "g".to_owned(), generation: -1, member: String::new(), topics },
            |v| {
                use theirs::offset_commit_request as o;
                let mut partition = o::OffsetCommitRequestPartition::default()
                    .with_partition_index(3)
                    .with_committed_offset(44)
                    .with_committed_metadata(None);
                if v >= 6 {
                    partition.committed_leader_epoch = 2;
                }
                let topic = o::OffsetCommitRequestTopic::default()
                    .with_name(topic_name("t"))
                    .with_partitions(vec![partition]);
                theirs::OffsetCommitRequest::default().with_group_id(group_id("g")).with_topics(vec![topic])
            },
        );
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::offset_commit_response as o;
        check::response::<OffsetCommit, _>(
            |_| {
                let partition =
                    o::OffsetCommitResponsePartition::default().with_partition_index(3).with_error_code(25);
                let topic = o::OffsetCommitResponseTopic::default()
                    .with_name(topic_name("t"))
                    .with_partitions(vec![partition]);
                theirs::OffsetCommitResponse::default().with_throttle_time_ms(3).with_topics(vec![topic])
            },
            |_| OffsetCommitResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![PartitionResult {
                    topic: "t".into(),
                    partition: 3,
                    error: crate::ErrorCode::UNKNOWN_MEMBER_ID,
                }],
            },
        );
    }
}
