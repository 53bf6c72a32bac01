//! One record of a batch.

use bytes::Bytes;
pub use velostream_core::Header as RecordHeader;
use velostream_core::StreamRecord;

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

/// What the writer takes of a record: the batch's own kind and the driver's, so that neither is copied into the other.
pub trait WriteRecord {
    /// Milliseconds since the Unix epoch; -1 means "no timestamp".
    fn timestamp_ms(&self) -> i64;
    /// Key.
    fn key(&self) -> Option<&[u8]>;
    /// Value; `None` is a tombstone.
    fn value(&self) -> Option<&[u8]>;
    /// Headers in their order.
    fn headers(&self) -> &[RecordHeader];
}

impl WriteRecord for Record {
    fn timestamp_ms(&self) -> i64 {
        self.timestamp
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn headers(&self) -> &[RecordHeader] {
        &self.headers
    }
}

impl WriteRecord for StreamRecord {
    fn timestamp_ms(&self) -> i64 {
        self.timestamp_ms
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn headers(&self) -> &[RecordHeader] {
        &self.headers
    }
}

/// Bounds on what decoding one batch may allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that the records section may hold after decompression.
    pub max_decompressed_bytes: usize,
}
