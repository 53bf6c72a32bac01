//! Produce: record batches to leaders, not copied on their way to the socket.

use std::time::Duration;

use velostream_core::TopicId;

use crate::request::read_endpoints;
use crate::{
    ApiKey, Broker, BrokerId, Error, ErrorCode, LeaderHint, Malformed, Reader, Request, Result, Segments,
    TopicRef, Writer,
};

/// Appends record batches.
///
/// Versions and transactions (KIP-890): from version 12 on a transactional Produce adds its partitions to the
/// transaction by itself, which is right only where [`transaction_version`](crate::Features::transaction_version)
/// is 2 or more. Up to [`MAX_V1`](Self::MAX_V1) an AddPartitionsToTxn has to come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produce {
    /// The transaction's id; `None` outside of transactions.
    pub transactional_id: Option<String>,
    /// -1: all in-sync replicas, 1: the leader. 0 is refused because it has no reply.
    pub acks: i16,
    /// How long the leader waits for its replicas.
    pub timeout: Duration,
    /// What to append.
    pub topics: Vec<ProduceTopic>,
    /// Highest version to use: [`MAX_V1`](Self::MAX_V1) or [`MAX`](Request::MAX).
    pub max_version: i16,
}

impl Produce {
    /// Highest version that leaves it to AddPartitionsToTxn to add partitions.
    pub const MAX_V1: i16 = 11;
    /// Lowest version that adds partitions by itself.
    pub const MIN_V2: i16 = 12;
}

/// One topic of a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Name, sent up to version 12.
    pub topic: String,
    /// Id, sent from version 13 on; zero keeps the request at version 12.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// One partition of a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartition {
    /// Number.
    pub partition: i32,
    /// One record batch of magic 2.
    pub records: Segments,
}

/// Answer to a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<ProducedPartition>,
    /// Addresses of leaders named in `current_leader` (version 10).
    pub endpoints: Vec<Broker>,
}

/// One partition of a [`ProduceResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedPartition {
    /// Topic: by id from version 13 on.
    pub topic: TopicRef,
    /// Number.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// Offset of the first record appended; -1 where unknown (also for a batch that was appended before).
    pub base_offset: i64,
    /// The broker's time in milliseconds since the Unix epoch where the topic uses LogAppendTime, else -1.
    pub log_append_time_ms: i64,
    /// First offset of the log, -1 where unknown.
    pub log_start_offset: i64,
    /// Records that made the broker refuse the batch (KIP-467).
    pub record_errors: Vec<RecordError>,
    /// The broker's words.
    pub error_message: Option<String>,
    /// The leader, where the one asked is not it.
    pub current_leader: Option<LeaderHint>,
}

impl ProducedPartition {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`] that names topic and partition and has the broker's words.
    pub fn check(&self, broker: BrokerId, topic: &str) -> Result<()> {
        let named = |e: Error| e.at(topic, self.partition).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::Produce).map_err(named)
    }
}

/// A record that made the broker refuse its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index in the batch.
    pub batch_index: i32,
    /// The broker's words.
    pub message: Option<String>,
}

impl Request for Produce {
    type Response = ProduceResponse;
    const KEY: ApiKey = ApiKey::Produce;
    const MIN: i16 = 3;
    const MAX: i16 = 13;
    const FLEXIBLE: i16 = 9;

    fn max_version(&self) -> i16 {
        let named = self.topics.iter().any(|topic| topic.topic_id.is_zero());
        self.max_version.min(if named { 12 } else { Self::MAX })
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        if self.acks == 0 {
            return Err(Error::Encode { api: Self::KEY, what: "acks 0 has no reply" });
        }
        let version = w.version();
        w.nullable_string(self.transactional_id.as_deref());
        w.i16(self.acks);
        w.millis(self.timeout);
        w.array(&self.topics, |w, topic| {
            if version >= 13 {
                w.topic_id(topic.topic_id);
            } else {
                w.string(&topic.topic);
            }
            w.array(&topic.partitions, |w, p| {
                w.i32(p.partition);
                w.records(&p.records);
                w.end_struct();
            });
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<ProduceResponse, Malformed> {
        let mut partitions = Vec::new();
        r.array(|r| {
            let topic = TopicRef::read(r, 13)?;
            r.array(|r| {
                partitions.push(read_partition(r, &topic)?);
                Ok(())
            })?;
            r.end_struct()
        })?;
        let throttle = r.millis()?;
        let mut endpoints = Vec::new();
        r.tags(|tag, r| {
            if tag == 0 {
                endpoints = read_endpoints(r)?;
            }
            Ok(())
        })?;
        Ok(ProduceResponse { throttle, partitions, endpoints })
    }

    fn throttle(response: &ProduceResponse) -> Duration {
        response.throttle
    }
}

fn read_partition(r: &mut Reader, topic: &TopicRef) -> Result<ProducedPartition, Malformed> {
    let version = r.version();
    let mut found = ProducedPartition {
        topic: topic.clone(),
        partition: r.i32()?,
        error: r.error_code()?,
        base_offset: r.i64()?,
        log_append_time_ms: r.i64()?,
        log_start_offset: if version >= 5 { r.i64()? } else { -1 },
        record_errors: if version >= 8 { r.array(read_record_error)? } else { Vec::new() },
        error_message: if version >= 8 { r.nullable_string()? } else { None },
        current_leader: None,
    };
    r.tags(|tag, r| {
        if tag == 0 {
            found.current_leader = Some(LeaderHint::read(r)?);
        }
        Ok(())
    })?;
    Ok(found)
}

fn read_record_error(r: &mut Reader) -> Result<RecordError, Malformed> {
    let error = RecordError { batch_index: r.i32()?, message: r.nullable_string()? };
    r.end_struct()?;
    Ok(error)
}

#[cfg(test)]
mod tests;
