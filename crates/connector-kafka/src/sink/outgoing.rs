//! Batches on their way to the sink.

use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{Chunk, Encoding, Payload, SourcePosition, SplitId, StreamRecord};
use velostream_kafka_batch::{Batch, ProducerStamp, WriteOptions, rewrite, write_batch};
use velostream_kafka_client::Segments;
use velostream_protocol::kafka_lane::{Identity, Kind};

use crate::batch::compression;
use crate::error::{Error, Result};

/// A partition of the sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// One signed batch.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) split: SplitId,
    pub(super) kind: Kind,
    /// Source offset of its first record.
    pub(super) from: i64,
    /// Source offset next after its last one.
    pub(super) next: i64,
    pub(super) records: i32,
    pub(super) bytes: usize,
    pub(super) segments: Segments,
}

/// A batch with the source offsets that it stands for, before it is signed.
#[derive(Debug)]
pub(super) struct Ranged {
    /// Source offset of its first record.
    pub(super) from: i64,
    /// Source offset next after its last one.
    pub(super) next: i64,
    pub(super) batch: Batch,
}

/// Content of a chunk, before it is signed.
pub(super) enum Content {
    /// The batch as it came.
    Whole(Ranged),
    /// Encoded anew.
    Encoded(Vec<Ranged>),
}

/// How a chunk is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Batches of at most so many bytes.
    Bytes(usize),
    /// A batch per record, to find the one that is refused.
    Records,
}

/// Turns a chunk into batches. A whole batch that fits goes on untouched.
pub(super) fn content(chunk: &Chunk, cut: Cut, max_decoded_bytes: usize) -> Result<Content> {
    let decoded;
    let (records, codec) = match &chunk.payload {
        Payload::Encoded(encoded) if encoded.encoding() == Encoding::KafkaBatchV2 => {
            let fits = matches!(cut, Cut::Bytes(max) if encoded.bytes().len() <= max);
            if fits {
                let batch = parse(encoded.bytes().clone(), &chunk.split)?;
                let (from, next) = (offset_of(&chunk.from), offset_of(&chunk.next));
                return Ok(Content::Whole(Ranged { from, next, batch }));
            }
            decoded = encoded.decode(&chunk.from, max_decoded_bytes).map_err(|_| undecodable(chunk))?;
            (&decoded, encoded.codec())
        }
        Payload::Encoded(_) => return Err(Error::Defect("an encoding that the lane did not accept")),
        Payload::Records { records, codec } => (records, *codec),
    };
    let options = WriteOptions { compression: compression(codec), ..WriteOptions::default() };
    let mut batches = Vec::new();
    match cut {
        Cut::Records => {
            for record in records {
                batches.push(encode(std::slice::from_ref(record), options, &chunk.split)?);
            }
        }
        Cut::Bytes(max) => encode_bounded(records, options, max, &chunk.split, &mut batches)?,
    }
    Ok(Content::Encoded(batches))
}

fn undecodable(_: &Chunk) -> Error {
    Error::Defect("a batch whose checksum is right cannot be decoded")
}

/// Halves until each batch fits; a single record that does not fit is left to the broker's judgement.
fn encode_bounded(
    records: &[StreamRecord],
    options: WriteOptions,
    max_bytes: usize,
    split: &SplitId,
    out: &mut Vec<Ranged>,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let whole = encode(records, options, split)?;
    if whole.batch.len() <= max_bytes || records.len() == 1 {
        out.push(whole);
        return Ok(());
    }
    let (front, back) = records.split_at(records.len() / 2);
    encode_bounded(front, options, max_bytes, split, out)?;
    encode_bounded(back, options, max_bytes, split, out)
}

fn encode(records: &[StreamRecord], options: WriteOptions, split: &SplitId) -> Result<Ranged> {
    let from = records.first().map_or(-1, |r| offset_of(&r.position));
    let next = records.last().map_or(-1, |r| offset_of(&r.position) + 1);
    let bytes = write_batch(records, options).map_err(broken(split, from))?;
    Ok(Ranged { from, next, batch: parse(bytes, split)? })
}

/// A batch that we wrote or whose checksum the reader has verified.
fn parse(bytes: Bytes, split: &SplitId) -> Result<Batch> {
    Batch::parse(bytes).map_err(broken(split, -1))
}

fn broken(split: &SplitId, offset: i64) -> impl FnOnce(velostream_kafka_batch::Error) -> Error {
    let split = split.clone();
    move |source| Error::Batch { split, offset, source }
}

pub(super) const fn offset_of(position: &SourcePosition) -> i64 {
    match position {
        SourcePosition::Kafka { offset, .. } => *offset,
        _ => -1,
    }
}

/// Signs a batch with the identity of the open transaction.
pub(super) fn sign(
    batch: &Batch,
    identity: Identity,
    base_sequence: i32,
    split: &SplitId,
) -> Result<Segments> {
    let stamp = ProducerStamp { id: identity.id, epoch: identity.epoch, base_sequence };
    let signed = rewrite(batch, stamp).map_err(broken(split, batch.base_offset()))?;
    let mut segments = Segments::new();
    segments.push(Bytes::copy_from_slice(&signed.header));
    segments.push(signed.body);
    Ok(segments)
}

/// Sequence number after `records` more; wraps from `i32::MAX` to 0 (KIP-98).
pub(super) const fn advance_sequence(sequence: i32, records: i32) -> i32 {
    let (next, over) = sequence.overflowing_add(records);
    if over { next.wrapping_add(i32::MAX).wrapping_add(1) } else { next }
}

#[cfg(test)]
mod tests {
    use super::advance_sequence;

    #[test]
    fn sequence_wraps_from_the_largest_value_to_zero() {
        assert_eq!(advance_sequence(0, 5), 5);
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 1, 5), 3);
    }
}
