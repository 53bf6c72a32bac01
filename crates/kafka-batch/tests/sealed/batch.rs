//! Batches around any section, laid out by hand from KIP-98 and independent of the code under test.

use bytes::Bytes;

/// Header fields that tests vary; the rest is fixed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) base_offset: i64,
    pub(crate) attributes: u16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) count: i32,
}

impl Head {
    /// `count` records, offsets dense from 100 on, no attributes.
    pub(crate) const fn of(count: i32) -> Self {
        let (base_timestamp, max_timestamp) = (1000, 1000);
        Self {
            base_offset: 100,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp,
            max_timestamp,
            count,
        }
    }
}

/// A whole batch with a true length and checksum.
pub(crate) fn sealed(head: Head, section: &[u8]) -> Bytes {
    let mut covered = Vec::new();
    covered.extend(head.attributes.to_be_bytes());
    covered.extend(head.last_offset_delta.to_be_bytes());
    covered.extend(head.base_timestamp.to_be_bytes());
    covered.extend(head.max_timestamp.to_be_bytes());
    covered.extend((-1_i64).to_be_bytes());
    covered.extend((-1_i16).to_be_bytes());
    covered.extend((-1_i32).to_be_bytes());
    covered.extend(head.count.to_be_bytes());
    covered.extend(section);
    let mut batch = Vec::new();
    batch.extend(head.base_offset.to_be_bytes());
    batch.extend(i32::try_from(covered.len() + 9).unwrap_or(i32::MAX).to_be_bytes());
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc32c::crc32c(&covered).to_be_bytes());
    batch.extend(covered);
    batch.into()
}
