//! One record, byte for byte as its source holds it.

use bytes::Bytes;

use crate::SourcePosition;

/// One header. Kafka keeps headers as an ordered list in which names repeat and need not be UTF-8 (KIP-82).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// Name, any bytes.
    pub name: Bytes,
    /// Value; `None` is the protocol's null and differs from empty.
    pub value: Option<Bytes>,
}

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamRecord {
    /// Key; `None` is null and differs from empty.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone and differs from empty.
    pub value: Option<Bytes>,
    /// Headers in their order, duplicates kept.
    pub headers: Vec<Header>,
    /// Milliseconds since the Unix epoch; -1 means "no timestamp".
    pub timestamp_ms: i64,
    /// Where this record stands in its source (its own position, not the next one).
    pub position: SourcePosition,
}

impl StreamRecord {
    /// Bytes of key, value and headers: what memory bounds count.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|h| h.name.len() + h.value.as_ref().map_or(0, Bytes::len)).sum();
        self.key.as_ref().map_or(0, Bytes::len) + self.value.as_ref().map_or(0, Bytes::len) + headers
    }
}
