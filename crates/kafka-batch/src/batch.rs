//! A view of one batch.

use bytes::Bytes;
use velostream_core::mutant;

use crate::attributes::{self, TimestampType};
use crate::header::{self, Header};
use crate::reader::RecordReader;
use crate::{Compression, ControlMarker, Error, Fallback, Limits, Record, Result};

/// One record batch of magic 2, header decoded, records untouched. Clones share the bytes.
///
/// A view is made of any bytes that have the outer shape of a batch; [`verify_crc`](Self::verify_crc) says whether
/// they can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    header: Header,
}

impl Batch {
    /// Length of the header, in bytes.
    pub const HEADER_LEN: usize = header::LEN;

    /// A view of `bytes`, which must be exactly one batch.
    ///
    /// # Errors
    /// [`Error::Length`] (Corrupt), [`Error::Header`] for a negative base offset (Corrupt), [`Error::OldMagic`] and
    /// [`Error::UnknownMagic`] (Reject). The checksum is not looked at.
    pub fn parse(bytes: Bytes) -> Result<Self> {
        let available = bytes.len().saturating_sub(header::LENGTH_PREFIX);
        let Some(head) = bytes.first_chunk::<{ header::LEN }>() else {
            return Err(Error::Length { offset: -1, length: -1, available });
        };
        let header = Header::decode(head);
        let offset = header.base_offset;
        check_magic(offset, header.magic)?;
        if usize::try_from(header.length) != Ok(available) {
            return Err(Error::Length { offset, length: header.length.into(), available });
        }
        if offset < 0 {
            return Err(header_error(&header));
        }
        Ok(Self { bytes, header })
    }

    /// Offset of the first record, also where compaction removed that record.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// Distance from the base offset to the last offset, kept by compaction.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        self.header.last_offset_delta
    }

    /// The last offset that the batch stands for.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.header.base_offset.saturating_add(self.header.last_offset_delta.into())
    }

    /// The position after the batch.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Epoch of the leader that appended the batch; -1 before a broker has seen it.
    #[must_use]
    pub fn partition_leader_epoch(&self) -> i32 {
        self.header.partition_leader_epoch
    }

    /// Format version, always 2.
    #[must_use]
    pub fn magic(&self) -> i8 {
        self.header.magic
    }

    /// The stored CRC-32C.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.header.crc
    }

    /// All attribute bits.
    #[must_use]
    pub fn attributes(&self) -> u16 {
        self.header.attributes
    }

    /// Codec of the records section.
    ///
    /// # Errors
    /// [`Error::UnknownCompression`] (Reject).
    pub fn compression(&self) -> Result<Compression> {
        Compression::from_attributes(self.header.attributes)
            .map_err(|id| Error::UnknownCompression { offset: self.base_offset(), id })
    }

    /// Whose clock the timestamps come from.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(attributes::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// True for a batch inside a transaction, markers included.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.has(attributes::TRANSACTIONAL)
    }

    /// True for a control batch.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.has(attributes::CONTROL)
    }

    /// True where the base timestamp is a delete horizon (KIP-534).
    #[must_use]
    pub fn has_delete_horizon(&self) -> bool {
        self.has(attributes::DELETE_HORIZON)
    }

    /// Milliseconds that the records' timestamp deltas count from.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        self.header.base_timestamp
    }

    /// Largest timestamp of the batch in milliseconds; the append time where the type is `LogAppendTime`.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// Producer id, -1 without idempotence.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.header.producer_id
    }

    /// Producer epoch, -1 without idempotence.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.header.producer_epoch
    }

    /// Sequence number of the first record, -1 without idempotence.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.header.base_sequence
    }

    /// Number of records that the batch says it holds.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.header.count
    }

    /// The whole batch.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records section as it is, compressed or not; shares memory with the batch.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.bytes.slice(header::LEN..)
    }

    /// Size of the whole batch in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never shorter than its header")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    fn has(&self, bit: u16) -> bool {
        self.header.attributes & bit != 0
    }

    /// Checks the stored CRC-32C, then [`validate`](Self::validate)s. Damage must be found here: a rewritten header
    /// would otherwise have to vouch for bytes that nobody looked at.
    ///
    /// # Errors
    /// [`Error::Crc`] (Corrupt: fetch again before believing it), and those of [`validate`](Self::validate).
    pub fn verify_crc(&self) -> Result<()> {
        let computed = crc32c::crc32c(self.bytes.get(header::CRC_START..).unwrap_or_default());
        if computed != self.header.crc && !mutant!(ChecksumIgnored) {
            return Err(Error::Crc { offset: self.base_offset(), stored: self.header.crc, computed });
        }
        self.validate()
    }

    /// Checks everything that the header alone can show: attribute bits, codec, offsets and count. Costs no pass over
    /// the records.
    ///
    /// # Errors
    /// [`Error::UnknownAttributes`], [`Error::UnknownCompression`] (Reject), [`Error::Header`] (Corrupt).
    pub fn validate(&self) -> Result<()> {
        let Header { base_offset, attributes, last_offset_delta, count, .. } = self.header;
        if attributes & attributes::UNKNOWN != 0 && !mutant!(UnknownAttributesPass) {
            return Err(Error::UnknownAttributes { offset: base_offset, attributes });
        }
        self.compression()?;
        let past = base_offset.checked_add(i64::from(last_offset_delta) + 1);
        if last_offset_delta < 0
            || past.is_none()
            || count < 0
            || i64::from(count) > i64::from(last_offset_delta) + 1
        {
            return Err(header_error(&self.header));
        }
        Ok(())
    }

    /// True where offsets are missing inside the batch (compaction).
    #[must_use]
    pub fn has_holes(&self) -> bool {
        i64::from(self.header.count) != i64::from(self.header.last_offset_delta) + 1
    }

    /// Why this batch cannot go on as it is for a reader at `position` (the next offset to read); `None`: it can.
    #[must_use]
    pub fn fallback(&self, position: i64) -> Option<Fallback> {
        if self.is_control() {
            Some(Fallback::Control)
        } else if self.header.count == 0 {
            Some(Fallback::Empty)
        } else if position > self.base_offset() && !mutant!(BatchInFrontOfPositionPasses) {
            Some(Fallback::InsideBatch)
        } else if self.has_holes() && !mutant!(HolesPassThrough) {
            Some(Fallback::Holes)
        } else if self.has(attributes::LOG_APPEND_TIME) && !mutant!(AppendTimePassesThrough) {
            Some(Fallback::LogAppendTime)
        } else if self.has_delete_horizon() {
            Some(Fallback::DeleteHorizon)
        } else {
            None
        }
    }

    /// All records. Keys, values and headers share one decompressed buffer (the batch itself where it is not
    /// compressed), so one record kept keeps that buffer.
    ///
    /// Timestamps are absolute; where the type is `LogAppendTime` every record gets the batch's max timestamp, as
    /// Kafka's own reader does. Besides the buffer, the list takes at most 50 bytes for each byte of the
    /// section (a section of nothing but empty headers), about one for 100 B records.
    ///
    /// # Errors
    /// As [`reader`](Self::reader), and [`Error::Record`] (Corrupt).
    pub fn records(&self, limits: Limits) -> Result<Vec<Record>> {
        let reader = self.reader(limits)?;
        let mut records = Vec::with_capacity(reader.size_hint().1.unwrap_or(0));
        for record in reader {
            records.push(record?);
        }
        Ok(records)
    }

    /// The records one by one, for a caller that keeps few of them.
    ///
    /// # Errors
    /// [`Error::TooLarge`] (Reject), [`Error::Decompress`] (Corrupt), and those of [`validate`](Self::validate).
    pub fn reader(&self, limits: Limits) -> Result<RecordReader> {
        self.validate()?;
        let compression = self.compression()?;
        let section = compression.decompress(&self.body(), self.base_offset(), limits)?;
        Ok(RecordReader::new(section, &self.header))
    }

    /// What a control batch says.
    ///
    /// # Errors
    /// [`Error::NotControl`] (Corrupt) for any other batch or a marker without a readable key, and those of
    /// [`reader`](Self::reader).
    pub fn control_marker(&self) -> Result<ControlMarker> {
        ControlMarker::of(self)
    }
}

pub(crate) fn check_magic(offset: i64, magic: i8) -> Result<()> {
    match magic {
        header::MAGIC => Ok(()),
        0 | 1 => Err(Error::OldMagic { offset, magic }),
        _ => Err(Error::UnknownMagic { offset, magic }),
    }
}

fn header_error(header: &Header) -> Error {
    Error::Header {
        offset: header.base_offset,
        last_offset_delta: header.last_offset_delta,
        count: header.count,
    }
}
