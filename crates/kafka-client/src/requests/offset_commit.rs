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
