//! What a request type has to say about itself.

use std::fmt::Debug;
use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Result, Writer};

/// A request with its response, in the range of versions that this crate speaks.
///
/// The version sent is the highest that this type, this value and the broker admit.
pub trait Request: Debug + Send + 'static {
    /// The answer.
    type Response: Debug + Send + 'static;

    /// Which API.
    const KEY: ApiKey;
    /// Lowest version spoken.
    const MIN: i16;
    /// Highest version spoken.
    const MAX: i16;
    /// First version with compact types and tagged fields (KIP-482).
    const FLEXIBLE: i16;

    /// Lowest version that can carry this value.
    fn min_version(&self) -> i16 {
        Self::MIN
    }

    /// Highest version that may carry this value.
    fn max_version(&self) -> i16 {
        Self::MAX
    }

    /// Writes the body in the writer's version.
    ///
    /// # Errors
    /// A value that must not be sent at all.
    fn encode(&self, w: &mut Writer) -> Result<()>;

    /// Reads the response in the reader's version.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes do not follow the protocol.
    fn decode(r: &mut Reader) -> Result<Self::Response, Malformed>;

    /// How long the broker asks this client to pause (KIP-219).
    fn throttle(response: &Self::Response) -> Duration;
}

/// A topic in a response: by id from the version on that has no name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicRef {
    /// By name.
    Name(std::sync::Arc<str>),
    /// By id (KIP-516).
    Id(velostream_core::TopicId),
}

impl TopicRef {
    /// True where this refers to the topic with this name and id.
    #[must_use]
    pub fn is(&self, name: &str, id: velostream_core::TopicId) -> bool {
        match self {
            Self::Name(mine) => **mine == *name,
            Self::Id(mine) => *mine == id,
        }
    }

    /// Reads the reference: an id from `id_from` on, else a name.
    pub(crate) fn read(r: &mut Reader, id_from: i16) -> Result<Self, Malformed> {
        if r.version() >= id_from { r.topic_id().map(Self::Id) } else { r.shared_string().map(Self::Name) }
    }
}

/// A leader as a response hints at it (KIP-951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderHint {
    /// Node id, -1 where unknown.
    pub leader: i32,
    /// Its epoch, -1 where unknown.
    pub epoch: i32,
}

impl LeaderHint {
    pub(crate) fn read(r: &mut Reader) -> Result<Self, Malformed> {
        let hint = Self { leader: r.i32()?, epoch: r.i32()? };
        r.end_struct()?;
        Ok(hint)
    }
}

/// Reads the brokers that a response names beside its partitions (KIP-951).
pub(crate) fn read_endpoints(r: &mut Reader) -> Result<Vec<crate::Broker>, Malformed> {
    r.array(|r| {
        let id = crate::BrokerId(r.i32()?);
        let host = r.string()?;
        let port = u16::try_from(r.i32()?).map_err(|_| r.malformed("port"))?;
        let rack = r.nullable_string()?;
        r.end_struct()?;
        Ok(crate::Broker { id, host, port, rack })
    })
}

/// One partition's error code, in responses that carry nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionResult {
    /// Topic name.
    pub topic: std::sync::Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Its result.
    pub error: ErrorCode,
}

impl PartitionResult {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the partition.
    pub fn check(&self, broker: crate::BrokerId, api: ApiKey) -> Result<()> {
        self.error.check(broker, api).map_err(|e| e.at(&*self.topic, self.partition))
    }

    /// Reads `topic -> partitions -> code`, the shape that several responses share.
    pub(crate) fn read_all(r: &mut Reader) -> Result<Vec<Self>, Malformed> {
        read_topics(r, |r, topic| {
            Ok(Self { topic: std::sync::Arc::clone(topic), partition: r.i32()?, error: r.error_code()? })
        })
    }
}

/// Reads the array of topics, each with a name and an array of partitions, as one flat list.
pub(crate) fn read_topics<T>(
    r: &mut Reader,
    mut partition: impl FnMut(&mut Reader, &std::sync::Arc<str>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut flat = Vec::new();
    r.array(|r| {
        let topic = r.shared_string()?;
        r.array(|r| {
            flat.push(partition(r, &topic)?);
            r.end_struct()
        })?;
        r.end_struct()
    })?;
    Ok(flat)
}

/// Partitions of one topic, for requests that need only numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Topic name.
    pub topic: String,
    /// Partition numbers.
    pub partitions: Vec<i32>,
}

impl TopicPartitions {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.string(&self.topic);
        w.array(&self.partitions, |w, p| w.i32(*p));
        w.end_struct();
    }
}

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All of them.
    ReadUncommitted,
    /// Up to the last stable offset; aborted ones are named for filtering.
    ReadCommitted,
}

impl Isolation {
    pub(crate) fn write(self, w: &mut Writer) {
        w.i8(match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        });
    }
}
