//! Record ids, packed: sorted, immutable, with a checksum.
//!
//! ```text
//! 3: bucket u64 | epoch u64 | nonce u64 | number u64 | earliest u64 | width u8 | keys | times, `width` bytes each
//! 2: bucket u64 | epoch u64 | nonce u64 | number u64 | time u64                | keys
//! 1: bucket u64 | epoch u64 | nonce u64 | number u64                           | keys
//! ```
//! Big-endian, in an envelope that says which version it is. Keys are 16 bytes each, strictly ascending. The first four
//! numbers say which chunk it is, so that a value under a wrong key is found. Times are in milliseconds since the Unix epoch
//! and not behind the bucket, which is named by its last one. Version 3 has a time for each id (see `times`), version 2 one
//! for all; both are written, each for its way to date ids. Version 1 had none: its ids count as processed at the end of
//! their bucket, so that none expires early.

mod times;

use velostream_checkpoint::IdChunks;
use velostream_core::{Epoch, Nonce};
use velostream_envelope::{BodyCodec, Format};
use velostream_record_id::TrackerKey;

use crate::search::search;
use crate::{Error, Result};

/// Magic and newest version of a chunk.
pub const CHUNK_FORMAT: Format = Format::new(*b"VSid", 3);

/// What is written where all ids share their time: releases that know no other can read it.
const ONE_TIME: Format = Format::new(CHUNK_FORMAT.magic, 2);

/// Bytes in front of the keys.
const HEADER_BYTES: usize = 40;

/// Most bytes of a chunk beside its ids, with its envelope.
pub(crate) const OVERHEAD_BYTES: usize = HEADER_BYTES + 1 + velostream_envelope::HEADER_BYTES;

/// Most bytes of an id with its own time.
pub(crate) const MAX_ID_BYTES: usize = 16 + times::MAX_WIDTH;

/// Largest chunk that is read.
const MAX_CHUNK_BYTES: usize = 64 * 1024 * 1024;

/// Which chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkId {
    pub(crate) bucket: u64,
    pub(crate) epoch: Epoch,
    pub(crate) nonce: Nonce,
    pub(crate) number: u64,
}

impl ChunkId {
    pub(crate) const fn of(run: &IdChunks, number: u64) -> Self {
        Self { bucket: run.bucket, epoch: run.epoch, nonce: run.nonce, number }
    }
}

/// Ids that were packed together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chunk {
    /// When they were processed, in milliseconds since the Unix epoch.
    pub(crate) times: Times,
    /// Ascending strictly.
    pub(crate) keys: Box<[TrackerKey]>,
}

/// What dates the ids of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Times {
    /// One time for all.
    One(i64),
    /// One for each, in the order of the keys.
    Each(Box<[i64]>),
}

impl Default for Times {
    fn default() -> Self {
        Self::One(0)
    }
}

impl Times {
    fn of(&self, place: usize) -> Option<i64> {
        match self {
            Self::One(at_ms) => Some(*at_ms),
            Self::Each(times) => times.get(place).copied(),
        }
    }
}

impl Chunk {
    /// The time of an id; `None` where it is not in the chunk.
    pub(crate) fn at_ms(&self, key: &TrackerKey) -> Option<i64> {
        let number = |key: &TrackerKey| u128::from_be_bytes(key.0);
        let place = search(&self.keys, 0, number(key), number).ok()?;
        self.times.of(place)
    }

    /// Each id with its time.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (TrackerKey, i64)> {
        self.keys.iter().enumerate().filter_map(|(place, key)| Some((*key, self.times.of(place)?)))
    }
}

/// The bytes of a chunk.
pub(crate) fn encode(id: ChunkId, chunk: &Chunk) -> Result<Vec<u8>, velostream_envelope::Error> {
    let size = OVERHEAD_BYTES.saturating_add(chunk.keys.len().saturating_mul(MAX_ID_BYTES));
    let mut body = Vec::with_capacity(size);
    for word in [id.bucket, id.epoch.0, id.nonce.0, id.number] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    let keys = chunk.keys.iter().flat_map(|key| key.0);
    let format = match &chunk.times {
        Times::One(at_ms) => {
            body.extend_from_slice(&u64::try_from(*at_ms).unwrap_or(0).to_be_bytes());
            body.extend(keys);
            ONE_TIME
        }
        Times::Each(times) => {
            let packed = times::Packed::of(times);
            body.extend_from_slice(&packed.header());
            body.extend(keys);
            body.extend(packed.distances());
            CHUNK_FORMAT
        }
    };
    velostream_envelope::encode(format, BodyCodec::Raw, &body)
}

/// A chunk that was read from `key`.
pub(crate) fn decode(key: &str, id: ChunkId, bytes: &[u8]) -> Result<Chunk> {
    let damaged = |why| Error::ChunkDamaged { key: key.to_owned(), why };
    let frame = velostream_envelope::decode(CHUNK_FORMAT, bytes, MAX_CHUNK_BYTES);
    let frame = frame.map_err(|source| Error::Undecodable {
        key: key.to_owned(),
        what: "an id chunk",
        source: source.into(),
    })?;
    let no_header = || damaged("it has no header");
    let (which, rest) = frame.body.split_at_checked(32).ok_or_else(no_header)?;
    let which = which.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    if !which.eq([id.bucket, id.epoch.0, id.nonce.0, id.number]) {
        return Err(damaged("it is another chunk"));
    }
    let one_time = |at_ms: u64| i64::try_from(at_ms).ok().filter(|_| at_ms <= id.bucket).map(Times::One);
    let (times, keys) = match frame.version {
        1 => (one_time(id.bucket), rest),
        2 => {
            let (at_ms, keys) = rest.split_first_chunk::<8>().ok_or_else(no_header)?;
            (one_time(u64::from_be_bytes(*at_ms)), keys)
        }
        _ => {
            let (times, keys) = times::split(rest).map_err(damaged)?;
            let all_in_bucket =
                times.iter().all(|at_ms| u64::try_from(*at_ms).is_ok_and(|ms| ms <= id.bucket));
            (all_in_bucket.then_some(Times::Each(times)), keys)
        }
    };
    let times = times.ok_or_else(|| damaged("its time is not in its bucket"))?;
    let (keys, rest) = keys.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(damaged("its keys are not whole"));
    }
    if !keys.is_sorted_by(|a, b| a < b) {
        return Err(damaged("its keys do not ascend"));
    }
    Ok(Chunk { times, keys: keys.iter().map(|key| TrackerKey(*key)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ChunkId = ChunkId { bucket: 1999, epoch: Epoch(2), nonce: Nonce(3), number: 4 };
    /// As written by version 1.
    const V1: ChunkId = ChunkId { bucket: 1, ..ID };

    fn sealed(body: &[u8]) -> Vec<u8> {
        velostream_envelope::encode(ONE_TIME, BodyCodec::Raw, body).unwrap()
    }

    fn chunk(keys: &[u8]) -> Chunk {
        Chunk { times: Times::One(1234), keys: keys.iter().map(|n| TrackerKey([*n; 16])).collect() }
    }

    fn golden(text: &str) -> Vec<u8> {
        let (pairs, _) = text.trim().as_bytes().as_chunks::<2>();
        pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn golden_bytes_decode_for_ever() {
        let chunk = chunk(&[1, 2]);
        let bytes = encode(ID, &chunk).unwrap();
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(text, include_str!("../tests/golden/chunk_v2.hex").trim());
        assert_eq!(decode("k", ID, &bytes).unwrap(), chunk);
        let first = decode("k", V1, &golden(include_str!("../tests/golden/chunk_v1.hex"))).unwrap();
        assert_eq!((first.times, first.keys), (Times::One(1), chunk.keys));
    }

    #[test]
    fn golden_bytes_of_ids_with_times_of_their_own_decode_for_ever() {
        for (times, golden) in [
            ([1999, 1234], include_str!("../tests/golden/chunk_v3.hex")),
            ([1234, 1234], include_str!("../tests/golden/chunk_v3_equal.hex")),
        ] {
            let chunk = Chunk { times: Times::Each(times.into()), ..chunk(&[1, 2]) };
            let bytes = encode(ID, &chunk).unwrap();
            let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(text, golden.trim());
            assert_eq!(decode("k", ID, &bytes).unwrap(), chunk);
            assert_eq!(chunk.at_ms(&TrackerKey([2; 16])), Some(1234));
        }
    }

    #[test]
    fn a_chunk_of_another_owner_or_time_is_damaged() {
        let bytes = encode(ID, &chunk(&[])).unwrap();
        for other in [
            ChunkId { bucket: 9, ..ID },
            ChunkId { epoch: Epoch(9), ..ID },
            ChunkId { nonce: Nonce(9), ..ID },
            ChunkId { number: 9, ..ID },
        ] {
            assert!(matches!(decode("k", other, &bytes), Err(Error::ChunkDamaged { .. })));
        }
        for late in [Times::One(2000), Times::Each([5, 2000].into())] {
            let late = encode(ID, &Chunk { times: late, ..chunk(&[1, 2]) }).unwrap();
            assert!(matches!(decode("k", ID, &late), Err(Error::ChunkDamaged { .. })));
        }
    }

    #[test]
    fn keys_that_are_torn_repeated_or_unsorted_are_damaged() {
        let good = encode(ID, &chunk(&[1, 2])).unwrap();
        let body = &good[velostream_envelope::HEADER_BYTES..];
        let swapped = [&body[..40], &body[56..], &body[40..56]].concat();
        let repeated = [&body[..56], &body[40..56]].concat();
        for wrong in [&body[..20], &body[..36], &body[..body.len() - 1], &swapped, &repeated, b""] {
            let read = decode("k", ID, &sealed(wrong));
            assert!(matches!(read, Err(Error::ChunkDamaged { .. })), "{wrong:?}");
        }
    }
}
