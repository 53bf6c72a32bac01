//! Fetch: record batches, as bytes, with everything that tells a gap from an end.

use std::time::Duration;

use bytes::Bytes;
use velostream_core::TopicId;

use crate::request::read_endpoints;
use crate::{
    ApiKey, Broker, BrokerId, Error, ErrorCode, Isolation, LeaderHint, Malformed, Reader, Request, Result,
    TopicRef, Writer,
};

/// Asks a leader for records, outside of any fetch session (KIP-227: session id 0, epoch -1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// How long the broker may wait for `min_bytes`.
    pub max_wait: Duration,
    /// Answer as soon as there are so many bytes.
    pub min_bytes: i32,
    /// Bound of the whole response; the first batch is always whole.
    pub max_bytes: i32,
    /// Which records are visible.
    pub isolation: Isolation,
    /// What to read.
    pub topics: Vec<FetchTopic>,
    /// Rack of this client (KIP-392); empty for none.
    pub rack: String,
}

/// One topic of a [`Fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// Name, sent up to version 12.
    pub topic: String,
    /// Id, sent from version 13 on; zero keeps the request at version 12.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// One partition of a [`Fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchPartition {
    /// Number.
    pub partition: i32,
    /// Epoch of the leader as the client knows it, -1 for none (KIP-320, version 9).
    pub current_leader_epoch: i32,
    /// Offset to read from.
    pub fetch_offset: i64,
    /// Epoch of the record before that offset, -1 for none (version 12): lets the broker detect a log that diverged.
    pub last_fetched_epoch: i32,
    /// Bound for this partition; the first batch is always whole.
    pub max_bytes: i32,
}

/// Answer to a [`Fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the whole request.
    pub error: ErrorCode,
    /// The partitions that have something to say.
    pub partitions: Vec<FetchedPartition>,
    /// Addresses of leaders named in `current_leader` (version 16).
    pub endpoints: Vec<Broker>,
}

/// One partition of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedPartition {
    /// Topic: by id from version 13 on.
    pub topic: TopicRef,
    /// Number.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// High watermark, -1 where unknown.
    pub high_watermark: i64,
    /// Last stable offset, -1 where unknown.
    pub last_stable_offset: i64,
    /// First offset of the log, -1 where unknown (before version 5).
    pub log_start_offset: i64,
    /// Set where the log has no record of `last_fetched_epoch` up to the offset asked for: it diverged here.
    pub diverging_epoch: Option<EpochEnd>,
    /// The leader, where the one asked is not it.
    pub current_leader: Option<LeaderHint>,
    /// Transactions among these records that were aborted, in no useful order.
    pub aborted: Vec<AbortedTransaction>,
    /// Replica to read from instead, -1 for none (KIP-392).
    pub preferred_read_replica: i32,
    /// Whole record batches and possibly the beginning of one more. Shares the memory of the response.
    pub records: Bytes,
}

impl FetchedPartition {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`] that names topic, partition and `offset`.
    pub fn check(&self, broker: BrokerId, topic: &str, offset: i64) -> Result<()> {
        let named = |e: Error| e.at(topic, self.partition).at_offset(offset);
        self.error.check(broker, ApiKey::Fetch).map_err(named)
    }
}

/// Where a leader epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch not beyond the one asked for.
    pub epoch: i32,
    /// Offset after its last record.
    pub end_offset: i64,
}

/// An aborted transaction: its records from `first_offset` up to the producer's next abort marker do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Producer.
    pub producer_id: i64,
    /// First offset of the transaction in this partition.
    pub first_offset: i64,
}

impl Request for Fetch {
    type Response = FetchResponse;
    const KEY: ApiKey = ApiKey::Fetch;
    const MIN: i16 = 4;
    const MAX: i16 = 17;
    const FLEXIBLE: i16 = 12;

    fn max_version(&self) -> i16 {
        if self.topics.iter().any(|topic| topic.topic_id.is_zero()) { 12 } else { Self::MAX }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        let version = w.version();
        if version <= 14 {
            w.i32(-1); // replica id: a consumer
        }
        w.millis(self.max_wait);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        self.isolation.write(w);
        if version >= 7 {
            w.i32(0); // session id
            w.i32(-1); // session epoch: none
        }
        w.array(&self.topics, |w, topic| {
            if version >= 13 {
                w.topic_id(topic.topic_id);
            } else {
                w.string(&topic.topic);
            }
            w.array(&topic.partitions, |w, p| {
                w.i32(p.partition);
                if version >= 9 {
                    w.i32(p.current_leader_epoch);
                }
                w.i64(p.fetch_offset);
                if version >= 12 {
                    w.i32(p.last_fetched_epoch);
                }
                if version >= 5 {
                    w.i64(-1); // log start offset: followers only
                }
                w.i32(p.max_bytes);
                w.end_struct();
            });
            w.end_struct();
        });
        if version >= 7 {
            w.array::<()>(&[], |_, ()| ()); // forgotten topics
        }
        if version >= 11 {
            w.string(&self.rack);
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<FetchResponse, Malformed> {
        let version = r.version();
        let throttle = r.millis()?;
        let error = if version >= 7 { r.error_code()? } else { ErrorCode::NONE };
        if version >= 7 {
            r.i32()?; // session id
        }
        let mut partitions = Vec::new();
        r.array(|r| {
            let topic = TopicRef::read(r, 13)?;
            r.array(|r| {
                partitions.push(read_partition(r, &topic)?);
                Ok(())
            })?;
            r.end_struct()
        })?;
        let mut endpoints = Vec::new();
        r.tags(|tag, r| {
            if tag == 0 {
                endpoints = read_endpoints(r)?;
            }
            Ok(())
        })?;
        Ok(FetchResponse { throttle, error, partitions, endpoints })
    }

    fn throttle(response: &FetchResponse) -> Duration {
        response.throttle
    }
}

fn read_partition(r: &mut Reader, topic: &TopicRef) -> Result<FetchedPartition, Malformed> {
    let version = r.version();
    let mut found = FetchedPartition {
        topic: topic.clone(),
        partition: r.i32()?,
        error: r.error_code()?,
        high_watermark: r.i64()?,
        last_stable_offset: r.i64()?,
        log_start_offset: if version >= 5 { r.i64()? } else { -1 },
        diverging_epoch: None,
        current_leader: None,
        aborted: r.nullable_array(read_aborted)?.unwrap_or_default(),
        preferred_read_replica: if version >= 11 { r.i32()? } else { -1 },
        records: r.nullable_bytes()?.unwrap_or_default(),
    };
    r.tags(|tag, r| {
        match tag {
            0 => {
                let end = EpochEnd { epoch: r.i32()?, end_offset: r.i64()? };
                r.end_struct()?;
                // -1 is the schema's "not set".
                found.diverging_epoch = (end.epoch >= 0 || end.end_offset >= 0).then_some(end);
            }
            1 => found.current_leader = Some(LeaderHint::read(r)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

fn read_aborted(r: &mut Reader) -> Result<AbortedTransaction, Malformed> {
    let aborted = AbortedTransaction { producer_id: r.i64()?, first_offset: r.i64()? };
    r.end_struct()?;
    Ok(aborted)
}

#[cfg(test)]
mod tests;
