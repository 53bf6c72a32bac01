//! TxnOffsetCommit: offsets that become committed with a transaction, fenced by the group's generation (KIP-447).

use std::time::Duration;

use crate::request::PartitionResult;
use crate::{ApiKey, Error, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Adds offsets of a group to the open transaction. **The fence**: the coordinator refuses a member that the group
/// does not know and a generation that is over.
///
/// Without a member it would accept anything, so that such a request is never written: see
/// [`Error::AnonymousMember`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnOffsetCommit {
    /// The transaction's id.
    pub transactional_id: String,
    /// The group.
    pub group: String,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Generation in which the splits were owned when the transaction began.
    pub generation: i32,
    /// Member id at that time.
    pub member: String,
    /// Static instance id (KIP-345).
    pub instance: Option<String>,
    /// The offsets.
    pub topics: Vec<CommitTopic>,
    /// Highest version to use: [`MAX_V1`](Self::MAX_V1) or [`MAX`](Request::MAX).
    pub max_version: i16,
}

impl TxnOffsetCommit {
    /// Highest version that leaves it to AddOffsetsToTxn to add the group to the transaction.
    pub const MAX_V1: i16 = 4;
    /// Lowest version that adds the group by itself (KIP-890).
    pub const MIN_V2: i16 = 5;
}

/// One topic of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitTopic {
    /// Name.
    pub topic: String,
    /// Its partitions.
    pub partitions: Vec<CommitPartition>,
}

/// One partition of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitPartition {
    /// Number.
    pub partition: i32,
    /// Offset to be read next.
    pub offset: i64,
    /// Epoch of the record before it, -1 for none.
    pub leader_epoch: i32,
    /// Free text, at most `offset.metadata.max.bytes` of the broker (4096).
    pub metadata: Option<String>,
}

impl CommitTopic {
    /// The shape that TxnOffsetCommit and OffsetCommit share; `epoch_from` is the version that carries epochs.
    pub(crate) fn write(&self, w: &mut Writer, epoch_from: i16) {
        w.string(&self.topic);
        w.array(&self.partitions, |w, p| {
            w.i32(p.partition);
            w.i64(p.offset);
            if w.version() >= epoch_from {
                w.i32(p.leader_epoch);
            }
            w.nullable_string(p.metadata.as_deref());
            w.end_struct();
        });
        w.end_struct();
    }
}

/// Answer to a [`TxnOffsetCommit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnOffsetCommitResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<PartitionResult>,
}

impl TxnOffsetCommitResponse {
    /// The first error among the partitions, else `NONE`.
    #[must_use]
    pub fn error(&self) -> ErrorCode {
        self.partitions.iter().map(|p| p.error).find(|e| !e.is_ok()).unwrap_or(ErrorCode::NONE)
    }
}

impl Request for TxnOffsetCommit {
    type Response = TxnOffsetCommitResponse;
    const KEY: ApiKey = ApiKey::TxnOffsetCommit;
    // Version 3 is the first that carries the membership.
    const MIN: i16 = 3;
    const MAX: i16 = 5;
    const FLEXIBLE: i16 = 3;

    fn max_version(&self) -> i16 {
        self.max_version
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        let anonymous = self.member.is_empty() || self.generation < 0;
        if anonymous && !velostream_core::mutant!(AnonymousRequest) {
            return Err(Error::AnonymousMember {
                group: self.group.clone(),
                member: self.member.clone(),
                generation: self.generation,
            });
        }
        w.string(&self.transactional_id);
        w.string(&self.group);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.i32(self.generation);
        w.string(&self.member);
        w.nullable_string(self.instance.as_deref());
        w.array(&self.topics, |w, topic| topic.write(w, Self::MIN));
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<TxnOffsetCommitResponse, Malformed> {
        let response =
            TxnOffsetCommitResponse { throttle: r.millis()?, partitions: PartitionResult::read_all(r)? };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &TxnOffsetCommitResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests;
