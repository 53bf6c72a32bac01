//! The 61 bytes before the records, as numbers.
//!
//! Layout: KIP-98 and `DefaultRecordBatch` of Kafka. All numbers are big-endian; the CRC-32C covers everything from
//! the attributes to the end of the batch, so base offset and leader epoch may change without it.

use bytes::{Buf, BufMut};

/// Length of the header.
pub(crate) const LEN: usize = 61;
/// Bytes before the part that the length field counts: base offset and the length field itself.
pub(crate) const LENGTH_PREFIX: usize = 12;
/// Where the part that the checksum covers begins.
pub(crate) const CRC_START: usize = 21;
/// Header bytes that the checksum covers.
pub(crate) const CRC_HEADER_LEN: usize = LEN - CRC_START;
/// Leader epoch of a batch that no broker has stamped yet.
pub(crate) const NO_LEADER_EPOCH: i32 = -1;
/// The only magic that this crate reads and writes.
pub(crate) const MAGIC: i8 = 2;

/// The header's fields in their order on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base_offset: i64,
    pub(crate) length: i32,
    pub(crate) partition_leader_epoch: i32,
    pub(crate) magic: i8,
    pub(crate) crc: u32,
    pub(crate) attributes: u16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) count: i32,
}

impl Header {
    pub(crate) fn decode(bytes: &[u8; LEN]) -> Self {
        let mut from = &bytes[..];
        Self {
            base_offset: from.get_i64(),
            length: from.get_i32(),
            partition_leader_epoch: from.get_i32(),
            magic: from.get_i8(),
            crc: from.get_u32(),
            attributes: from.get_u16(),
            last_offset_delta: from.get_i32(),
            base_timestamp: from.get_i64(),
            max_timestamp: from.get_i64(),
            producer_id: from.get_i64(),
            producer_epoch: from.get_i16(),
            base_sequence: from.get_i32(),
            count: from.get_i32(),
        }
    }

    pub(crate) fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let mut to = &mut bytes[..];
        to.put_i64(self.base_offset);
        to.put_i32(self.length);
        to.put_i32(self.partition_leader_epoch);
        to.put_i8(self.magic);
        to.put_u32(self.crc);
        to.put_u16(self.attributes);
        to.put_i32(self.last_offset_delta);
        to.put_i64(self.base_timestamp);
        to.put_i64(self.max_timestamp);
        to.put_i64(self.producer_id);
        to.put_i16(self.producer_epoch);
        to.put_i32(self.base_sequence);
        to.put_i32(self.count);
        bytes
    }

    /// CRC-32C of the header bytes that the checksum covers.
    pub(crate) fn crc_of_covered(&self) -> u32 {
        let bytes = self.encode();
        crc32c::crc32c(bytes.last_chunk::<CRC_HEADER_LEN>().map_or(&[][..], |covered| &covered[..]))
    }
}
