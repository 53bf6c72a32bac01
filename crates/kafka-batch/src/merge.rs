//! Several batches to one, without looking inside the records.

use bytes::Bytes;

use crate::reader::Fields;
use crate::writer::finish;
use crate::{Batch, Error, Limits, RecordFault, Result, header, varint};

/// Joins batches to one with the first one's codec: what [`write_batch`](crate::write_batch) makes of all their records
/// in this order. Keys, values and headers are copied as they are; only the two numbers in front of each record that
/// count from its batch's start are written anew.
///
/// Why: a Produce request carries one batch per partition, and a broker spends about as long on a batch of 16 KB as on one
/// of 256 KB.
///
/// Memory: one decompressed batch at a time, the joined section, and its compressed form. `limits` bounds what they
/// take together.
///
/// # Errors
/// [`Error::EmptyBatch`] without batches, [`Error::Oversize`] (both Reject), [`Error::NotPassThrough`] (Reject) where
/// [`Batch::fallback`] names a reason whatever the position, and those of [`Batch::records`].
pub fn merge(batches: &[Batch], limits: Limits) -> Result<Bytes> {
    let first = batches.first().ok_or(Error::EmptyBatch)?;
    let compression = first.compression()?;
    let mut joined = Joined { base_timestamp: None, max_timestamp: i64::MIN, count: 0, section: Vec::new() };
    for batch in batches {
        joined.append(batch, limits)?;
    }
    let Joined { base_timestamp, max_timestamp, count, section } = joined;
    let mut bytes = vec![0; header::LEN];
    bytes.reserve(batches.iter().map(Batch::len).sum());
    compression.compress(&section, &mut bytes)?;
    let timestamps = (base_timestamp.unwrap_or_default(), max_timestamp);
    finish(bytes, count, u16::from(compression.id()), timestamps, None)
}

/// The section so far.
struct Joined {
    /// The first record's, as [`write_batch`](crate::write_batch) has it; a batch may name another one.
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    count: usize,
    section: Vec<u8>,
}

impl Joined {
    fn append(&mut self, batch: &Batch, limits: Limits) -> Result<()> {
        batch.validate()?;
        let offset = batch.base_offset();
        if let Some(reason) = batch.fallback(offset) {
            return Err(Error::NotPassThrough { offset, reason });
        }
        let left = limits.max_decompressed_bytes.saturating_sub(self.section.len());
        let limits = Limits { max_decompressed_bytes: left };
        let section = batch.compression()?.decompress(&batch.body(), offset, limits)?;
        // The offset deltas grow by a byte or two.
        self.section.reserve(section.len().saturating_add(section.len() / 16));
        let count = usize::try_from(batch.count()).unwrap_or_default();
        let mut at = 0;
        for index in 0..count {
            let fault = |source| Error::Record { offset, index, source };
            at = self.record(&section, at, batch, index).map_err(fault)?;
        }
        match section.len() - at {
            0 => Ok(()),
            bytes => Err(Error::Record { offset, index: count, source: RecordFault::LeftOver { bytes } }),
        }
    }

    /// Copies the record at `at`; returns where the next one starts.
    fn record(
        &mut self,
        section: &Bytes,
        at: usize,
        batch: &Batch,
        index: usize,
    ) -> Result<usize, RecordFault> {
        let mut fields = Fields::record(section, at)?;
        let timestamp = batch.base_timestamp().wrapping_add(fields.number("timestamp delta")?);
        let delta = fields.number("offset delta")?;
        let expected = to_i64(index);
        if delta != expected {
            return Err(RecordFault::OffsetDelta { delta, expected_min: expected, expected_max: expected });
        }
        let base = *self.base_timestamp.get_or_insert(timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base);
        let offset_delta = to_i64(self.count);
        let rest = fields.rest();
        let length = 1 + varint::len(timestamp_delta) + varint::len(offset_delta) + rest.len();
        varint::encode(to_i64(length), &mut self.section);
        self.section.push(0);
        varint::encode(timestamp_delta, &mut self.section);
        varint::encode(offset_delta, &mut self.section);
        self.section.extend_from_slice(rest);
        self.count += 1;
        Ok(fields.end())
    }
}

/// No buffer is longer than `isize::MAX`.
fn to_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
