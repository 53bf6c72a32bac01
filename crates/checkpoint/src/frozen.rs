//! The encodings, one struct per released version. A struct here is never changed: a new version is a new struct, a
//! conversion from its predecessor, and new golden bytes.
//!
//! bincode 2 with its standard configuration. It sits in this file alone, behind the envelope, because its line of
//! development has ended (RUSTSEC-2025-0141): the bytes of a version are described by the struct, and could be read by
//! hand.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use bytes::Bytes;
use velostream_core::{BatchId, Epoch, KafkaPartition, Nonce, SourcePosition, SplitId, TopicId};

use crate::{ActiveBatch, CheckpointId, Error, IdChunks, ProcessingCheckpoint, Result};

/// A position, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PositionV1 {
    /// [`SourcePosition::Kafka`].
    Kafka {
        /// Cluster id.
        cluster_id: String,
        /// Topic.
        topic: String,
        /// Topic id.
        topic_id: [u8; 16],
        /// Partition.
        partition: i32,
        /// Next offset.
        offset: i64,
        /// Leader epoch.
        leader_epoch: i32,
    },
    /// [`SourcePosition::File`].
    File {
        /// Path.
        path: String,
        /// Next byte offset.
        offset: u64,
        /// Next line.
        line: u64,
    },
    /// [`SourcePosition::Database`].
    Database {
        /// Table.
        table: String,
        /// Ordering key.
        after: Vec<u8>,
    },
    /// [`SourcePosition::Custom`].
    Custom {
        /// Kind.
        kind: String,
        /// Position.
        bytes: Vec<u8>,
    },
}

/// Positions by split, ascending, version 1.
pub type PositionsV1 = Vec<(String, PositionV1)>;

/// A run of id chunks, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct IdChunksV1 {
    bucket: u64,
    epoch: u64,
    nonce: u64,
    first: u64,
    last: u64,
    records: u64,
}

/// An open batch, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ActiveBatchV1 {
    batch: u64,
    next_positions: PositionsV1,
    record_ids: Vec<IdChunksV1>,
}

/// A checkpoint, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CheckpointV1 {
    checkpoint_id: u64,
    source_positions: PositionsV1,
    processed_record_ids: Vec<IdChunksV1>,
    active_batches: Vec<ActiveBatchV1>,
    timestamp_ms: i64,
    watermarks: Vec<(String, i64)>,
}

impl TryFrom<&SourcePosition> for PositionV1 {
    type Error = Error;

    fn try_from(position: &SourcePosition) -> Result<Self> {
        Ok(match position {
            SourcePosition::Kafka { partition, offset, leader_epoch } => Self::Kafka {
                cluster_id: partition.cluster_id.to_string(),
                topic: partition.topic.to_string(),
                topic_id: partition.topic_id.0,
                partition: partition.partition,
                offset: *offset,
                leader_epoch: *leader_epoch,
            },
            SourcePosition::File { path, offset, line } => {
                Self::File { path: path.to_string(), offset: *offset, line: *line }
            }
            SourcePosition::Database { table, after } => {
                Self::Database { table: table.to_string(), after: after.to_vec() }
            }
            SourcePosition::Custom { kind, bytes } => {
                Self::Custom { kind: kind.to_string(), bytes: bytes.to_vec() }
            }
            unknown => return Err(Error::UnknownPosition { position: unknown.to_string() }),
        })
    }
}

impl From<PositionV1> for SourcePosition {
    fn from(position: PositionV1) -> Self {
        match position {
            PositionV1::Kafka { cluster_id, topic, topic_id, partition, offset, leader_epoch } => {
                Self::Kafka {
                    partition: KafkaPartition {
                        cluster_id: cluster_id.into(),
                        topic: topic.into(),
                        topic_id: TopicId(topic_id),
                        partition,
                    }
                    .into(),
                    offset,
                    leader_epoch,
                }
            }
            PositionV1::File { path, offset, line } => Self::File { path: path.into(), offset, line },
            PositionV1::Database { table, after } => {
                Self::Database { table: table.into(), after: Bytes::from(after) }
            }
            PositionV1::Custom { kind, bytes } => {
                Self::Custom { kind: kind.into(), bytes: Bytes::from(bytes) }
            }
        }
    }
}

/// Freezes positions.
///
/// # Errors
/// `UnknownPosition` -> Reject.
pub fn freeze_positions(positions: &BTreeMap<SplitId, SourcePosition>) -> Result<PositionsV1> {
    positions.iter().map(|(split, position)| Ok((split.to_string(), position.try_into()?))).collect()
}

/// Thaws positions.
#[must_use]
pub fn thaw_positions(positions: PositionsV1) -> BTreeMap<SplitId, SourcePosition> {
    positions.into_iter().map(|(split, position)| (SplitId::new(split), position.into())).collect()
}

impl From<&IdChunks> for IdChunksV1 {
    fn from(chunks: &IdChunks) -> Self {
        let &IdChunks { bucket, epoch: Epoch(epoch), nonce: Nonce(nonce), first, last, records } = chunks;
        Self { bucket, epoch, nonce, first, last, records }
    }
}

impl From<IdChunksV1> for IdChunks {
    fn from(chunks: IdChunksV1) -> Self {
        let IdChunksV1 { bucket, epoch, nonce, first, last, records } = chunks;
        Self { bucket, epoch: Epoch(epoch), nonce: Nonce(nonce), first, last, records }
    }
}

impl TryFrom<&ActiveBatch> for ActiveBatchV1 {
    type Error = Error;

    fn try_from(batch: &ActiveBatch) -> Result<Self> {
        Ok(Self {
            batch: batch.batch.0,
            next_positions: freeze_positions(&batch.next_positions)?,
            record_ids: batch.record_ids.iter().map(Into::into).collect(),
        })
    }
}

impl From<ActiveBatchV1> for ActiveBatch {
    fn from(batch: ActiveBatchV1) -> Self {
        Self {
            batch: BatchId(batch.batch),
            next_positions: thaw_positions(batch.next_positions),
            record_ids: batch.record_ids.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<&ProcessingCheckpoint> for CheckpointV1 {
    type Error = Error;

    fn try_from(checkpoint: &ProcessingCheckpoint) -> Result<Self> {
        Ok(Self {
            checkpoint_id: checkpoint.checkpoint_id.0,
            source_positions: freeze_positions(&checkpoint.source_positions)?,
            processed_record_ids: checkpoint.processed_record_ids.iter().map(Into::into).collect(),
            active_batches: checkpoint.active_batches.iter().map(TryInto::try_into).collect::<Result<_>>()?,
            timestamp_ms: checkpoint.timestamp_ms,
            watermarks: checkpoint.watermarks.iter().map(|(split, ms)| (split.to_string(), *ms)).collect(),
        })
    }
}

impl From<CheckpointV1> for ProcessingCheckpoint {
    fn from(checkpoint: CheckpointV1) -> Self {
        Self {
            checkpoint_id: CheckpointId(checkpoint.checkpoint_id),
            source_positions: thaw_positions(checkpoint.source_positions),
            processed_record_ids: checkpoint.processed_record_ids.into_iter().map(Into::into).collect(),
            active_batches: checkpoint.active_batches.into_iter().map(Into::into).collect(),
            timestamp_ms: checkpoint.timestamp_ms,
            watermarks: checkpoint.watermarks.into_iter().map(|(s, ms)| (SplitId::new(s), ms)).collect(),
            schema_version: 1,
        }
    }
}

/// Encodes a frozen struct.
///
/// # Errors
/// `Encode` -> Reject.
pub fn encode_body<T: Encode>(body: &T) -> Result<Vec<u8>> {
    bincode::encode_to_vec(body, bincode::config::standard()).map_err(|source| Error::Encode { source })
}

/// Decodes a frozen struct that fills `body` exactly. `version` is only for the error.
///
/// bincode counts what its containers will take before it allocates them, against a limit that is a constant: here the
/// smallest of a ladder that leaves 64 bytes of memory for each byte of input. A split with its position, the widest
/// element, takes 112 bytes of memory and at least 4 bytes of input.
///
/// # Errors
/// `Body`, `LeftOver` -> Corrupt.
pub fn decode_body<T: Decode<()>>(body: &[u8], version: u16) -> Result<T> {
    let config = bincode::config::standard();
    let decoded = match body.len().saturating_mul(64) {
        0..=0x1000 => bincode::decode_from_slice(body, config.with_limit::<0x1000>()),
        0x1001..=0x8000 => bincode::decode_from_slice(body, config.with_limit::<0x8000>()),
        0x8001..=0x4_0000 => bincode::decode_from_slice(body, config.with_limit::<0x4_0000>()),
        0x4_0001..=0x20_0000 => bincode::decode_from_slice(body, config.with_limit::<0x20_0000>()),
        0x20_0001..=0x100_0000 => bincode::decode_from_slice(body, config.with_limit::<0x100_0000>()),
        0x100_0001..=0x800_0000 => bincode::decode_from_slice(body, config.with_limit::<0x800_0000>()),
        _ => bincode::decode_from_slice(body, config.with_limit::<0x4000_0000>()),
    };
    let (value, read) = decoded.map_err(|source| Error::Body { version, source })?;
    match body.len().saturating_sub(read) {
        0 => Ok(value),
        bytes => Err(Error::LeftOver { version, bytes }),
    }
}
