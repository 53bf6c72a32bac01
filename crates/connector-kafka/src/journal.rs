//! The records of a job's internal topic: `split`, `claim`, `progress`.
//!
//! Partition i of the topic stands for source split i. Each kind has compaction keys of its own, and a claim's key
//! names its lane: with one key for all claims, compaction could drop the claim of a lane that nobody has fenced yet.
//! Values are JSON in an envelope, so that an operator can read them with any console consumer.

pub(crate) mod reader;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use velostream_core::{BatchId, KafkaPartition, SourcePosition, SplitId, TopicId};
use velostream_envelope::{BodyCodec, Format, decode, encode};
use velostream_kafka_batch::Record;

use crate::{Error, Result};

const SPLIT: Format = Format::new(*b"VSsp", 1);
const CLAIM: Format = Format::new(*b"VScl", 1);
const PROGRESS: Format = Format::new(*b"VSpg", 1);

/// Larger than any record that this program writes; the bound for what it reads.
const MAX_BODY_BYTES: usize = 1 << 20;

/// A source partition as the registrar pinned it. Written once per journal partition, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Descriptor {
    /// `cluster.id` of the source.
    pub(crate) cluster_id: String,
    /// Source topic.
    pub(crate) topic: String,
    /// Source topic id, 32 hex digits; zeros where the broker has none.
    pub(crate) topic_id: String,
    /// Source partition.
    pub(crate) partition: i32,
    /// Start offset, resolved once by the registrar.
    pub(crate) start: i64,
    /// Destination topic.
    pub(crate) destination: String,
    /// Destination partition.
    pub(crate) destination_partition: i32,
}

impl Descriptor {
    /// The source partition.
    #[must_use]
    pub(crate) fn source(&self) -> KafkaPartition {
        KafkaPartition {
            cluster_id: self.cluster_id.as_str().into(),
            topic: self.topic.as_str().into(),
            topic_id: parse_topic_id(&self.topic_id),
            partition: self.partition,
        }
    }

    /// The split's name: stable, and different for a topic that was created again.
    #[must_use]
    pub(crate) fn split(&self) -> SplitId {
        crate::source::split_of(&self.source())
    }
}

pub(crate) fn parse_topic_id(hex: &str) -> TopicId {
    let mut id = [0_u8; 16];
    for (byte, pair) in id.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()).unwrap_or(0);
    }
    TopicId(id)
}

/// Who owns a split from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimRecord {
    /// Transactional id of the claiming lane.
    pub(crate) lane: String,
    /// Its worker.
    pub(crate) worker: String,
    /// Generation of the sink's group.
    pub(crate) generation: i32,
}

/// What the sink is known to hold of a split in one destination partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// Destination topic id, 32 hex digits.
    pub(crate) topic_id: String,
    /// Highest acknowledged offset of earlier transactions, -1 where there was none.
    pub(crate) highest: i64,
    /// Offsets that the previous transaction wrote, first and last, with the source offset of the first.
    pub(crate) previous: Option<(i64, i64)>,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressRecord {
    /// Source offset next to be read.
    pub(crate) next: i64,
    /// Leader epoch of the last record read, -1 where unknown.
    pub(crate) leader_epoch: i32,
    /// Number of this delivery.
    pub(crate) batch: u64,
    /// Worker.
    pub(crate) worker: String,
    /// Generation under which it was delivered.
    pub(crate) generation: i32,
    /// Transactional id of the delivering lane.
    pub(crate) lane: String,
    /// The owner gave the split up with this delivery.
    pub(crate) released: bool,
    /// Per destination, `topic-partition`.
    pub(crate) destinations: BTreeMap<String, Delivered>,
}

impl ProgressRecord {
    /// The position that this delivery committed.
    #[must_use]
    pub(crate) fn position(&self, partition: &Arc<KafkaPartition>) -> SourcePosition {
        SourcePosition::Kafka {
            partition: Arc::clone(partition),
            offset: self.next,
            leader_epoch: self.leader_epoch,
        }
    }

    /// Its number.
    #[must_use]
    pub(crate) const fn batch(&self) -> BatchId {
        BatchId(self.batch)
    }
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The split's descriptor.
    Split(Descriptor),
    /// A claim.
    Claim(ClaimRecord),
    /// A delivery.
    Progress(ProgressRecord),
}

impl Entry {
    /// The record to produce.
    ///
    /// # Errors
    /// [`Error::Journal`] where the value cannot be encoded (longer than an envelope can be): Reject.
    pub(crate) fn to_record(&self, timestamp_ms: i64) -> Result<Record> {
        let (key, format, body) = match self {
            Self::Split(v) => ("split".to_owned(), SPLIT, serde_json::to_vec(v)),
            Self::Claim(v) => (format!("claim/{}", v.lane), CLAIM, serde_json::to_vec(v)),
            Self::Progress(v) => ("progress".to_owned(), PROGRESS, serde_json::to_vec(v)),
        };
        let broken = |what: String| Error::Journal { partition: -1, offset: -1, what };
        let body = body.map_err(|e| broken(e.to_string()))?;
        let value = encode(format, BodyCodec::Json, &body).map_err(|e| broken(e.to_string()))?;
        Ok(Record {
            offset: 0,
            timestamp: timestamp_ms,
            key: Some(key.into()),
            value: Some(value.into()),
            headers: Vec::new(),
        })
    }

    /// Reads a record of journal partition `partition`; `None` for a tombstone or a kind of a later version.
    ///
    /// # Errors
    /// [`Error::Journal`] where the bytes are damaged, [`Error::JournalVersion`] where a later version wrote them.
    pub(crate) fn from_record(partition: i32, record: &Record) -> Result<Option<Self>> {
        let (Some(key), Some(value)) = (&record.key, &record.value) else { return Ok(None) };
        let entry = match key.as_ref() {
            b"split" => Self::Split(body(SPLIT, partition, record.offset, value)?),
            b"progress" => Self::Progress(body(PROGRESS, partition, record.offset, value)?),
            other if other.starts_with(b"claim/") => {
                Self::Claim(body(CLAIM, partition, record.offset, value)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(entry))
    }
}

fn body<T: for<'a> Deserialize<'a>>(format: Format, partition: i32, offset: i64, value: &Bytes) -> Result<T> {
    let frame = decode(format, value, MAX_BODY_BYTES).map_err(|source| match source {
        velostream_envelope::Error::NewerVersion { .. } => {
            Error::JournalVersion { partition, offset, source }
        }
        other => Error::Journal { partition, offset, what: other.to_string() },
    })?;
    serde_json::from_slice(frame.body).map_err(|e| Error::Journal { partition, offset, what: e.to_string() })
}

#[cfg(test)]
mod tests;
