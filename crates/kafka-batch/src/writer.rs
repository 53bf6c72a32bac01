//! Records to a batch.

use bytes::Bytes;

use crate::attributes;
use crate::header::{self, Header};
use crate::{
    Batch, Compression, ControlMarker, Error, ProducerStamp, Record, RecordHeader, Result, WriteRecord,
    varint,
};

/// How a batch is written. The default is uncompressed, outside any transaction and without a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Codec, at its default level.
    pub compression: Compression,
    /// Who signs; `None` writes -1 everywhere, as a producer without idempotence does. [`rewrite`](crate::rewrite) can
    /// sign later.
    pub stamp: Option<ProducerStamp>,
    /// The transactional bit.
    pub transactional: bool,
}

/// Writes records as one batch: base offset 0, dense offset deltas in the order given, CreateTime timestamps.
///
/// The records' own offsets are not used. The base timestamp is the first record's, as in Kafka's client; any set of
/// 64-bit timestamps survives. Memory: the section, and its compressed form.
///
/// # Errors
/// [`Error::EmptyBatch`], [`Error::Oversize`] (the format's 32-bit lengths), [`Error::Compress`]: all Reject.
pub fn write_batch<R: WriteRecord>(records: &[R], options: WriteOptions) -> Result<Bytes> {
    let base_timestamp = records.first().ok_or(Error::EmptyBatch)?.timestamp_ms();
    let max_timestamp = records.iter().map(WriteRecord::timestamp_ms).max().unwrap_or(base_timestamp);
    let mut batch = vec![0; header::LEN];
    if options.compression == Compression::None {
        write_section(records, base_timestamp, &mut batch)?;
    } else {
        let mut section = Vec::new();
        write_section(records, base_timestamp, &mut section)?;
        batch.reserve(section.len() / 2);
        options.compression.compress(&section, &mut batch)?;
    }
    let mut attributes = u16::from(options.compression.id());
    if options.transactional {
        attributes |= attributes::TRANSACTIONAL;
    }
    finish(batch, records.len(), attributes, (base_timestamp, max_timestamp), options.stamp)
}

/// Writes a control batch with one marker, as a broker appends it at the end of a transaction. For servers in tests
/// and simulations: no client may produce one.
///
/// # Errors
/// None in practice; the type is [`write_batch`]'s.
pub fn write_marker(
    marker: ControlMarker,
    stamp: ProducerStamp,
    coordinator_epoch: i32,
    timestamp: i64,
) -> Result<Bytes> {
    let mut key = vec![0, 0];
    key.extend_from_slice(&marker.type_id().to_be_bytes());
    let mut value = vec![0, 0];
    value.extend_from_slice(&coordinator_epoch.to_be_bytes());
    let (key, value) = (Some(key.into()), Some(value.into()));
    let record = Record { timestamp, key, value, ..Record::default() };
    let mut batch = vec![0; header::LEN];
    write_section(std::slice::from_ref(&record), timestamp, &mut batch)?;
    let attributes = attributes::TRANSACTIONAL | attributes::CONTROL;
    finish(batch, 1, attributes, (timestamp, timestamp), Some(stamp))
}

/// Fills in the header of a batch whose section is written.
pub(crate) fn finish(
    mut batch: Vec<u8>,
    count: usize,
    attributes: u16,
    (base_timestamp, max_timestamp): (i64, i64),
    stamp: Option<ProducerStamp>,
) -> Result<Bytes> {
    let last = count.saturating_sub(1);
    let fit = |value: usize, what| i32::try_from(value).map_err(|_| Error::Oversize { index: last, what });
    let stamp = stamp.unwrap_or(ProducerStamp { id: -1, epoch: -1, base_sequence: -1 });
    let mut head = Header {
        base_offset: 0,
        length: fit(batch.len() - header::LENGTH_PREFIX, "batch length")?,
        partition_leader_epoch: header::NO_LEADER_EPOCH,
        magic: header::MAGIC,
        crc: 0,
        attributes,
        last_offset_delta: fit(last, "offset delta")?,
        base_timestamp,
        max_timestamp,
        producer_id: stamp.id,
        producer_epoch: stamp.epoch,
        base_sequence: stamp.base_sequence,
        count: fit(count, "record count")?,
    };
    let body = batch.get(Batch::HEADER_LEN..).unwrap_or_default();
    head.crc = crc32c::crc32c_append(head.crc_of_covered(), body);
    if let Some(to) = batch.first_chunk_mut::<{ header::LEN }>() {
        *to = head.encode();
    }
    Ok(batch.into())
}

fn write_section<R: WriteRecord>(records: &[R], base_timestamp: i64, to: &mut Vec<u8>) -> Result<()> {
    let mut size = 0;
    for (record, delta) in records.iter().zip(0..) {
        let len = record_len(record, base_timestamp, delta);
        size += len + varint::len(to_i64(len));
    }
    to.reserve(size);
    for ((index, record), delta) in records.iter().enumerate().zip(0..) {
        let oversize = |what| Error::Oversize { index, what };
        let len = record_len(record, base_timestamp, delta);
        i32::try_from(len).map_err(|_| oversize("record length"))?;
        varint::encode(to_i64(len), to);
        to.push(0);
        varint::encode(record.timestamp_ms().wrapping_sub(base_timestamp), to);
        varint::encode(delta, to);
        write_nullable(record.key(), to);
        write_nullable(record.value(), to);
        varint::encode(to_i64(record.headers().len()), to);
        for RecordHeader { name, value } in record.headers() {
            write_nullable(Some(name), to);
            write_nullable(value.as_deref(), to);
        }
    }
    Ok(())
}

/// Bytes of a record behind its length field.
fn record_len(record: &impl WriteRecord, base_timestamp: i64, delta: i64) -> usize {
    let header_len = |h: &RecordHeader| nullable_len(Some(&h.name)) + nullable_len(h.value.as_deref());
    1 + varint::len(record.timestamp_ms().wrapping_sub(base_timestamp))
        + varint::len(delta)
        + nullable_len(record.key())
        + nullable_len(record.value())
        + varint::len(to_i64(record.headers().len()))
        + record.headers().iter().map(header_len).sum::<usize>()
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::len(to_i64(bytes.len())) + bytes.len())
}

fn write_nullable(bytes: Option<&[u8]>, to: &mut Vec<u8>) {
    varint::encode(bytes.map_or(-1, |bytes| to_i64(bytes.len())), to);
    to.extend_from_slice(bytes.unwrap_or_default());
}

/// No slice is longer than `isize::MAX`.
fn to_i64(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
