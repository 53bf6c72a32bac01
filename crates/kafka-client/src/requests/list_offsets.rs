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
