//! Where a split is read next.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// A Kafka topic id (KIP-516): 16 bytes, all zero where the broker has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// True where the broker reported no id (before Kafka 2.8).
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// A partition that no re-creation and no other cluster can be mistaken for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaPartition {
    /// `cluster.id` of the source cluster.
    pub cluster_id: Arc<str>,
    /// Topic name.
    pub topic: Arc<str>,
    /// Topic id; a re-created topic has another one.
    pub topic_id: TopicId,
    /// Partition number.
    pub partition: i32,
}

impl fmt::Display for KafkaPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The position **next to be read**. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SourcePosition {
    /// A Kafka partition.
    Kafka {
        /// Which partition.
        partition: Arc<KafkaPartition>,
        /// Offset next to be read.
        offset: i64,
        /// Leader epoch of the last record read, -1 where unknown (KIP-320).
        leader_epoch: i32,
    },
    /// A file.
    File {
        /// Path as the job names it.
        path: Arc<str>,
        /// Byte offset next to be read.
        offset: u64,
        /// Line number next to be read, from 0.
        line: u64,
    },
    /// A table shard read in key order.
    Database {
        /// Table name with its schema.
        table: Arc<str>,
        /// The ordering key after which reading goes on, encoded by the connector.
        after: Bytes,
    },
    /// Any other source; bytes that only its connector understands and that compare in read order.
    Custom {
        /// Kind of source.
        kind: Arc<str>,
        /// The position.
        bytes: Bytes,
    },
}

impl SourcePosition {
    /// Order of two positions of the same split; `None` where they are of different splits.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Kafka { partition: a, offset: x, .. }, Self::Kafka { partition: b, offset: y, .. })
                if a == b =>
            {
                Some(x.cmp(y))
            }
            (Self::File { path: a, offset: x, .. }, Self::File { path: b, offset: y, .. }) if a == b => {
                Some(x.cmp(y))
            }
            (Self::Database { table: a, after: x }, Self::Database { table: b, after: y }) if a == b => {
                Some(x.cmp(y))
            }
            (Self::Custom { kind: a, bytes: x }, Self::Custom { kind: b, bytes: y }) if a == b => {
                Some(x.cmp(y))
            }
            _ => None,
        }
    }
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { partition, offset, .. } => write!(f, "{partition}@{offset}"),
            Self::File { path, offset, line } => write!(f, "{path}@{offset} (line {line})"),
            Self::Database { table, .. } => write!(f, "{table}"),
            Self::Custom { kind, .. } => write!(f, "{kind}"),
        }
    }
}
