//! Record ids, packed: sorted, immutable, with a checksum.
//!
//! ```text
//! bucket u64 | epoch u64 | nonce u64 | number u64 | time u64 | keys, 16 bytes each, strictly ascending
//! ```
//! Big-endian, in an envelope. The first four say which chunk it is, so that a value under a wrong key is found. The time
//! of all its ids is in milliseconds since the Unix epoch and not behind its bucket, which is named by its last one. Version
//! 1 had no time: its ids count as processed at the end of their bucket, so that none expires early.

use velostream_checkpoint::IdChunks;
use velostream_core::{Epoch, Nonce};
use velostream_envelope::{BodyCodec, Format};
use velostream_record_id::TrackerKey;

use crate::search::search;
use crate::{Error, Result};

/// Magic and newest version of a chunk.
pub const CHUNK_FORMAT: Format = Format::new(*b"VSid", 2);

/// Bytes in front of the keys.
const HEADER_BYTES: usize = 40;

/// Bytes in front of the keys in version 1.
const HEADER_BYTES_V1: usize = 32;

/// Bytes of a chunk beside its keys, with its envelope.
pub(crate) const OVERHEAD_BYTES: usize = HEADER_BYTES + velostream_envelope::HEADER_BYTES;

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
    pub(crate) at_ms: i64,
    /// Ascending strictly.
    pub(crate) keys: Box<[TrackerKey]>,
}

impl Chunk {
    pub(crate) fn contains(&self, key: &TrackerKey) -> bool {
        let number = |key: &TrackerKey| u128::from_be_bytes(key.0);
        search(&self.keys, 0, number(key), number).is_ok()
    }
}

/// The bytes of a chunk.
pub(crate) fn encode(id: ChunkId, chunk: &Chunk) -> Result<Vec<u8>, velostream_envelope::Error> {
    let mut body = Vec::with_capacity(HEADER_BYTES.saturating_add(chunk.keys.len().saturating_mul(16)));
    let at_ms = u64::try_from(chunk.at_ms).unwrap_or(0);
    for word in [id.bucket, id.epoch.0, id.nonce.0, id.number, at_ms] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    for key in &chunk.keys {
        body.extend_from_slice(&key.0);
    }
    velostream_envelope::encode(CHUNK_FORMAT, BodyCodec::Raw, &body)
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
    let header = if frame.version == 1 { HEADER_BYTES_V1 } else { HEADER_BYTES };
    let (header, keys) = frame.body.split_at_checked(header).ok_or_else(|| damaged("it has no header"))?;
    let (words, _) = header.as_chunks::<8>();
    let (which, time) = words.split_at_checked(4).ok_or_else(|| damaged("it has no header"))?;
    let which = which.iter().map(|word| u64::from_be_bytes(*word));
    if !which.eq([id.bucket, id.epoch.0, id.nonce.0, id.number]) {
        return Err(damaged("it is another chunk"));
    }
    let at_ms = time.first().map_or(id.bucket, |word| u64::from_be_bytes(*word));
    let at_ms = i64::try_from(at_ms).ok().filter(|_| at_ms <= id.bucket);
    let at_ms = at_ms.ok_or_else(|| damaged("its time is not in its bucket"))?;
    let (keys, rest) = keys.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(damaged("its keys are not whole"));
    }
    if !keys.is_sorted_by(|a, b| a < b) {
        return Err(damaged("its keys do not ascend"));
    }
    Ok(Chunk { at_ms, keys: keys.iter().map(|key| TrackerKey(*key)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ChunkId = ChunkId { bucket: 1999, epoch: Epoch(2), nonce: Nonce(3), number: 4 };
    /// As written by version 1.
    const V1: ChunkId = ChunkId { bucket: 1, ..ID };

    fn sealed(body: &[u8]) -> Vec<u8> {
        velostream_envelope::encode(CHUNK_FORMAT, BodyCodec::Raw, body).unwrap()
    }

    fn chunk(keys: &[u8]) -> Chunk {
        Chunk { at_ms: 1234, keys: keys.iter().map(|n| TrackerKey([*n; 16])).collect() }
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
        assert_eq!((first.at_ms, first.keys), (1, chunk.keys));
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
        let late = encode(ID, &Chunk { at_ms: 2000, ..chunk(&[]) }).unwrap();
        assert!(matches!(decode("k", ID, &late), Err(Error::ChunkDamaged { .. })));
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
