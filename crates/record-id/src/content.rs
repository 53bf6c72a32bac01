//! The content hash.

use sha2::{Digest, Sha256};
use velostream_core::StreamRecord;

/// Separates this hash from every other use of SHA-256, and its framing from a later one.
const DOMAIN: &[u8] = b"velostream content id 1\n";

/// SHA-256 over key, value and headers (name and value, in their order).
///
/// Each part is framed by a presence byte and a 64-bit big-endian length, the headers by their number, so that no two
/// records feed the same bytes to the hash. Two equal records of one topic have one digest: whoever means them to be
/// two uses positions.
#[must_use]
pub fn content_digest(record: &StreamRecord) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    part(&mut hash, record.key.as_deref());
    part(&mut hash, record.value.as_deref());
    hash.update(length(record.headers.len()));
    for header in &record.headers {
        part(&mut hash, Some(&header.name));
        part(&mut hash, header.value.as_deref());
    }
    hash.finalize().into()
}

fn part(hash: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        None => hash.update([0]),
        Some(bytes) => {
            hash.update([1]);
            hash.update(length(bytes.len()));
            hash.update(bytes);
        }
    }
}

fn length(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes()
}
