//! OffsetFetch: committed offsets of one group.

use std::sync::Arc;
use std::time::Duration;

use crate::request::{TopicPartitions, read_topics};
use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks for committed offsets. **Not linearizable**: a coordinator that was replaced without knowing it yet answers
/// what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetch {
    /// The group.
    pub group: String,
    /// Partitions; `None` for all that the group has committed.
    pub topics: Option<Vec<TopicPartitions>>,
    /// Answer UNSTABLE_OFFSET_COMMIT while a transaction with an offset of the partition is open (KIP-447).
    pub require_stable: bool,
}

/// Answer to an [`OffsetFetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the group.
    pub error: ErrorCode,
    /// The partitions.
    pub partitions: Vec<FetchedOffset>,
}

/// One partition of an [`OffsetFetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffset {
    /// Topic name.
    pub topic: Arc<str>,
    /// Number.
    pub partition: i32,
    /// The offset; `None` where nothing is committed. Look at `error` first.
    pub offset: Option<i64>,
    /// Epoch committed with it, -1 for none.
    pub leader_epoch: i32,
    /// Text committed with it.
    pub metadata: Option<String>,
    /// Its error.
    pub error: ErrorCode,
}

impl FetchedOffset {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the partition.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        self.error.check(broker, ApiKey::OffsetFetch).map_err(|e| e.at(&*self.topic, self.partition))
    }
}

impl Request for OffsetFetch {
    type Response = OffsetFetchResponse;
    const KEY: ApiKey = ApiKey::OffsetFetch;
    // Version 7 (Kafka 2.5) is the first that can require stable offsets.
    const MIN: i16 = 7;
    const MAX: i16 = 9;
    const FLEXIBLE: i16 = 6;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        let topics = |w: &mut Writer| w.nullable_array(self.topics.as_deref(), |w, topic| topic.write(w));
        if w.version() >= 8 {
            w.array(&[self.group.as_str()], |w, group| {
                w.string(group);
                if w.version() >= 9 {
                    w.nullable_string(None); // member id and epoch: for groups of KIP-848 only
                    w.i32(-1);
                }
                topics(w);
                w.end_struct();
            });
        } else {
            w.string(&self.group);
            topics(w);
        }
        w.bool(self.require_stable);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<OffsetFetchResponse, Malformed> {
        let throttle = r.millis()?;
        if r.version() < 8 {
            let partitions = read_topics(r, read_partition)?;
            let error = r.error_code()?;
            r.end_struct()?;
            return Ok(OffsetFetchResponse { throttle, error, partitions });
        }
        let mut groups = r.array(|r| {
            r.string()?; // the group
            let partitions = read_topics(r, read_partition)?;
            let error = r.error_code()?;
            r.end_struct()?;
            Ok(OffsetFetchResponse { throttle, error, partitions })
        })?;
        r.end_struct()?;
        match (groups.pop(), groups.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(r.malformed("not one answer for one group")),
        }
    }

    fn throttle(response: &OffsetFetchResponse) -> Duration {
        response.throttle
    }
}

fn read_partition(r: &mut Reader, topic: &Arc<str>) -> Result<FetchedOffset, Malformed> {
    let partition = r.i32()?;
    let offset = r.i64()?;
    Ok(FetchedOffset {
        topic: Arc::clone(topic),
        partition,
        offset: (offset >= 0).then_some(offset),
        leader_epoch: r.i32()?,
        metadata: r.nullable_string()?,
        error: r.error_code()?,
    })
}

#[cfg(test)]
mod tests;
