//! Record ids, packed: sorted, immutable, with a checksum.
//!
//! ```text
//! bucket u64 | epoch u64 | nonce u64 | number u64 | keys, 16 bytes each, strictly ascending
//! ```
//! Big-endian, in an envelope. The first four say which chunk it is, so that a value under a wrong key is found.

use std::sync::Arc;

use velostream_checkpoint::IdChunks;
use velostream_core::{Epoch, Nonce};
use velostream_envelope::{BodyCodec, Format};
use velostream_record_id::TrackerKey;

use crate::{Error, Result};

/// Magic and newest version of a chunk.
pub const CHUNK_FORMAT: Format = Format::new(*b"VSid", 1);

/// Bytes in front of the keys.
const HEADER_BYTES: usize = 32;

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

/// The bytes of a chunk; `keys` ascend strictly.
pub(crate) fn encode(id: ChunkId, keys: &[TrackerKey]) -> Result<Vec<u8>, velostream_envelope::Error> {
    let mut body = Vec::with_capacity(HEADER_BYTES.saturating_add(keys.len().saturating_mul(16)));
    for word in [id.bucket, id.epoch.0, id.nonce.0, id.number] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    for key in keys {
        body.extend_from_slice(&key.0);
    }
    velostream_envelope::encode(CHUNK_FORMAT, BodyCodec::Raw, &body)
}

/// The keys of a chunk that was read from `key`.
pub(crate) fn decode(key: &str, id: ChunkId, bytes: &[u8]) -> Result<Arc<[TrackerKey]>> {
    let damaged = |why| Error::ChunkDamaged { key: key.to_owned(), why };
    let frame = velostream_envelope::decode(CHUNK_FORMAT, bytes, MAX_CHUNK_BYTES);
    let frame = frame.map_err(|source| Error::Undecodable {
        key: key.to_owned(),
        what: "an id chunk",
        source: source.into(),
    })?;
    let (header, keys) =
        frame.body.split_at_checked(HEADER_BYTES).ok_or_else(|| damaged("it has no header"))?;
    let (words, _) = header.as_chunks::<8>();
    let [bucket, epoch, nonce, number] = words else { return Err(damaged("it has no header")) };
    let found = [bucket, epoch, nonce, number].map(|word| u64::from_be_bytes(*word));
    if found != [id.bucket, id.epoch.0, id.nonce.0, id.number] {
        return Err(damaged("it is another chunk"));
    }
    let (keys, rest) = keys.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(damaged("its keys are not whole"));
    }
    if !keys.is_sorted_by(|a, b| a < b) {
        return Err(damaged("its keys do not ascend"));
    }
    Ok(keys.iter().map(|key| TrackerKey(*key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ChunkId = ChunkId { bucket: 1, epoch: Epoch(2), nonce: Nonce(3), number: 4 };

    fn sealed(body: &[u8]) -> Vec<u8> {
        velostream_envelope::encode(CHUNK_FORMAT, BodyCodec::Raw, body).unwrap()
    }

    #[test]
    fn golden_bytes_decode_for_ever() {
        let keys = [TrackerKey([1; 16]), TrackerKey([2; 16])];
        let bytes = encode(ID, &keys).unwrap();
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(text, include_str!("../tests/golden/chunk_v1.hex").trim());
        assert_eq!(decode("k", ID, &bytes).unwrap()[..], keys);
    }

    #[test]
    fn a_chunk_of_another_owner_is_damaged() {
        let bytes = encode(ID, &[]).unwrap();
        for other in [
            ChunkId { bucket: 9, ..ID },
            ChunkId { epoch: Epoch(9), ..ID },
            ChunkId { nonce: Nonce(9), ..ID },
            ChunkId { number: 9, ..ID },
        ] {
            assert!(matches!(decode("k", other, &bytes), Err(Error::ChunkDamaged { .. })));
        }
    }

    #[test]
    fn keys_that_are_torn_repeated_or_unsorted_are_damaged() {
        let good = encode(ID, &[TrackerKey([1; 16]), TrackerKey([2; 16])]).unwrap();
        let body = &good[velostream_envelope::HEADER_BYTES..];
        let swapped = [&body[..32], &body[48..], &body[32..48]].concat();
        let repeated = [&body[..48], &body[32..48]].concat();
        for wrong in [&body[..20], &body[..body.len() - 1], &swapped, &repeated, b""] {
            assert!(matches!(decode("k", ID, &sealed(wrong)), Err(Error::ChunkDamaged { .. })), "{wrong:?}");
        }
    }
}
