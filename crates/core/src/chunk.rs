//! The unit that the driver moves: an offset range of one split.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Result, SourcePosition, SplitId, StreamRecord};

/// Encodings that a chunk can travel in untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// A whole Kafka record batch, magic 2 (KIP-98), header and compressed body.
    KafkaBatchV2,
}

/// Compression codecs that a batch can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Codec {
    /// Not compressed.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy in xerial framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

/// Bytes that go on as they came, with the way to look inside.
pub trait Encoded: Debug + Send + Sync {
    /// What the bytes are.
    fn encoding(&self) -> Encoding;

    /// The bytes; their checksum has been verified.
    fn bytes(&self) -> &Bytes;

    /// Codec that the records are compressed with.
    fn codec(&self) -> Codec;

    /// The records from `from` on. At most `max_bytes` are decompressed.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Disposition::Corrupt) where the bytes are not what they claim to be or exceed the bound.
    fn decode(&self, from: &SourcePosition, max_bytes: usize) -> Result<Vec<StreamRecord>>;
}

/// What a chunk holds.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Untouched bytes.
    Encoded(Arc<dyn Encoded>),
    /// Decoded records, with the codec that their batch came in.
    Records {
        /// The records, in order.
        records: Vec<StreamRecord>,
        /// Codec of the batch that they were decoded from.
        codec: Codec,
    },
}

/// Records of one split from `from` up to, not including, `next`.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The split.
    pub split: SplitId,
    /// Position of the first record.
    pub from: SourcePosition,
    /// Position after the last record: what becomes durable with this chunk.
    pub next: SourcePosition,
    /// Number of records.
    pub records: u64,
    /// Bytes that this chunk keeps in memory.
    pub bytes: usize,
    /// The content.
    pub payload: Payload,
}
