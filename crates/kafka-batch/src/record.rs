//! One record of a batch.

use bytes::Bytes;
pub use velostream_core::Header as RecordHeader;

/// One record, byte for byte as its batch holds it. Null (`None`) and empty differ everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Record {
    /// Absolute offset. The writer ignores it: a new batch counts from 0.
    pub offset: i64,
    /// Milliseconds since the Unix epoch; -1 means "no timestamp". Any value survives.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order, duplicates kept, names of any bytes (KIP-82).
    pub headers: Vec<RecordHeader>,
}

/// Bounds on what decoding one batch may allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that the records section may hold after decompression.
    pub max_decompressed_bytes: usize,
}
