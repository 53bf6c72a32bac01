//! What can be wrong with a batch, and what that means for the effect.

use std::io;

use velostream_core::Disposition;

use crate::{Compression, Fallback};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a record batch. `offset` is always the base offset that the batch's first eight bytes name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message set of magic 0 or 1 (before Kafka 0.11, KIP-98).
    #[error("batch at offset {offset} has magic {magic}: message formats older than Kafka 0.11 are not read")]
    OldMagic {
        /// Offset that the message names.
        offset: i64,
        /// Its magic byte.
        magic: i8,
    },
    /// A magic byte that no released broker writes.
    #[error("batch at offset {offset} has unknown magic {magic}")]
    UnknownMagic {
        /// Base offset.
        offset: i64,
        /// Its magic byte.
        magic: i8,
    },
    /// The batch's length field contradicts the header or the bytes at hand.
    #[error(
        "batch at offset {offset} says that {length} bytes follow its length field, {available} bytes are there"
    )]
    Length {
        /// Base offset, or -1 where too few bytes are there to tell.
        offset: i64,
        /// Value of the length field, in bytes.
        length: i64,
        /// Bytes after the length field.
        available: usize,
    },
    /// Base offset, count or last offset delta cannot be.
    #[error("batch at offset {offset} has last offset delta {last_offset_delta} and record count {count}")]
    Header {
        /// Base offset.
        offset: i64,
        /// Last offset delta.
        last_offset_delta: i32,
        /// Record count.
        count: i32,
    },
    /// The stored checksum differs from the computed one.
    #[error("batch at offset {offset} is corrupt: stored CRC-32C {stored:#010x}, computed {computed:#010x}")]
    Crc {
        /// Base offset.
        offset: i64,
        /// Checksum in the header.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// Attribute bits that this crate does not know.
    #[error("batch at offset {offset} has unknown attribute bits {attributes:#06x}")]
    UnknownAttributes {
        /// Base offset.
        offset: i64,
        /// All attribute bits.
        attributes: u16,
    },
    /// A compression id that no released Kafka defines.
    #[error("batch at offset {offset} has unknown compression id {id}")]
    UnknownCompression {
        /// Base offset.
        offset: i64,
        /// Bits 0 to 2 of the attributes.
        id: u8,
    },
    /// The compressed section does not decode.
    #[error("batch at offset {offset}: the {compression} section does not decompress")]
    Decompress {
        /// Base offset.
        offset: i64,
        /// Codec of the batch.
        compression: Compression,
        /// The codec's own error.
        source: io::Error,
    },
    /// The records section is larger than the caller allows.
    #[error("batch at offset {offset}: the {compression} section holds more than {limit_bytes} bytes")]
    TooLarge {
        /// Base offset.
        offset: i64,
        /// Codec of the batch.
        compression: Compression,
        /// The caller's bound, in bytes.
        limit_bytes: usize,
    },
    /// A record inside the batch cannot be read.
    #[error("batch at offset {offset}: record {index} cannot be read")]
    Record {
        /// Base offset.
        offset: i64,
        /// Index of the record in its batch, from 0.
        index: usize,
        /// What is wrong with it.
        source: RecordFault,
    },
    /// A control marker was asked of a batch that holds none.
    #[error("batch at offset {offset} is not a control batch with a readable marker")]
    NotControl {
        /// Base offset.
        offset: i64,
    },
    /// The batch cannot go on as it is: decode it and write a new one.
    #[error("batch at offset {offset} cannot pass through: {reason}")]
    NotPassThrough {
        /// Base offset.
        offset: i64,
        /// Why.
        reason: Fallback,
    },
    /// A batch without records was to be written; brokers refuse it.
    #[error("a batch without records cannot be written")]
    EmptyBatch,
    /// A length or count does not fit the format's 32-bit fields.
    #[error("record {index} of the batch to write: {what} does not fit 31 bits")]
    Oversize {
        /// Index of the record, from 0.
        index: usize,
        /// Which field.
        what: &'static str,
    },
    /// The compressor failed.
    #[error("the {compression} compressor failed")]
    Compress {
        /// Codec asked for.
        compression: Compression,
        /// The codec's own error.
        source: io::Error,
    },
}

/// What is wrong with one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// The section or the record ends inside a field.
    #[error("it ends inside its {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// A variable-length integer is longer than its type.
    #[error("the number in its {field} is out of range")]
    Varint {
        /// The field.
        field: &'static str,
    },
    /// A length is negative where it may not be, or below -1.
    #[error("its {field} is {length}")]
    Length {
        /// The field.
        field: &'static str,
        /// The length read.
        length: i64,
    },
    /// More headers than the rest of the record can hold.
    #[error("it claims {count} headers in {remaining} bytes")]
    HeaderCount {
        /// Headers claimed.
        count: i64,
        /// Bytes left in the record.
        remaining: usize,
    },
    /// The offset delta does not grow, or lies past the batch's last offset.
    #[error("its offset delta {delta} is not in {expected_min}..={expected_max}")]
    OffsetDelta {
        /// The delta read.
        delta: i64,
        /// Smallest delta possible here.
        expected_min: i64,
        /// Last offset delta of the batch.
        expected_max: i64,
    },
    /// Bytes are left over behind the record's last field or behind the last record.
    #[error("{bytes} bytes are left over behind it")]
    LeftOver {
        /// How many.
        bytes: usize,
    },
}

impl Error {
    /// What is known about the effect. Reading and writing bytes has none, so nothing is ever to be reconciled.
    ///
    /// [`Corrupt`](Disposition::Corrupt): the bytes are damaged; fetch once more before believing it.
    /// [`Reject`](Disposition::Reject): the bytes are sound and this build or this configuration refuses them.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Length { .. }
            | Self::Header { .. }
            | Self::Crc { .. }
            | Self::Decompress { .. }
            | Self::Record { .. }
            | Self::NotControl { .. } => Disposition::Corrupt,
            Self::OldMagic { .. }
            | Self::UnknownMagic { .. }
            | Self::UnknownAttributes { .. }
            | Self::UnknownCompression { .. }
            | Self::TooLarge { .. }
            | Self::NotPassThrough { .. }
            | Self::EmptyBatch
            | Self::Oversize { .. }
            | Self::Compress { .. } => Disposition::Reject,
        }
    }
}
