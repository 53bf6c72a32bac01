//! What a state store keeps beside each value: a version and a checksum.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use velostream_core::{RootVersion, Versioned};

/// 8 bytes version, 4 bytes [`checksum`]; big-endian.
const HEADER_BYTES: usize = 12;

/// A value with its version and checksum in front, for stores that keep one string of bytes per key. The layout is
/// frozen.
#[must_use]
pub fn encode(key: &str, version: RootVersion, value: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER_BYTES.saturating_add(value.len()));
    entry.extend_from_slice(&version.0.to_be_bytes());
    entry.extend_from_slice(&checksum(key, version, value).to_be_bytes());
    entry.extend_from_slice(value);
    entry
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// The reason where it is damaged, or stands under another key.
pub fn decode(key: &str, entry: &[u8]) -> Result<Versioned, &'static str> {
    let (version, rest) = entry.split_first_chunk::<8>().ok_or("it is too short")?;
    let (found, value) = rest.split_first_chunk::<4>().ok_or("it is too short")?;
    let version = RootVersion(u64::from_be_bytes(*version));
    if checksum(key, version, value) != u32::from_be_bytes(*found) {
        return Err("its checksum does not fit");
    }
    Ok(Versioned { value: Bytes::copy_from_slice(value), version })
}

/// CRC-32C of version (big-endian), key and value. Frozen.
#[must_use]
pub fn checksum(key: &str, version: RootVersion, value: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&version.0.to_be_bytes()), key.as_bytes());
    crc32c::crc32c_append(crc, value)
}

/// The version of `value` written over `previous`: the first 64 bits of SHA-256 over both. Versions of two histories
/// that part, as after a failover to a lagging replica or a restored backup, differ by more than a short checksum.
#[must_use]
pub fn next_version(previous: Option<RootVersion>, value: &[u8]) -> RootVersion {
    let mut hash = Sha256::new();
    match previous {
        None => hash.update([0]),
        Some(previous) => {
            hash.update([1]);
            hash.update(previous.0.to_be_bytes());
        }
    }
    hash.update(value);
    let digest = hash.finalize();
    RootVersion(digest.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_changed_or_shortened_anywhere_is_refused() {
        let entry = encode("k", RootVersion(7), b"value");
        let back = decode("k", &entry).unwrap();
        assert_eq!((back.version, &back.value[..]), (RootVersion(7), &b"value"[..]));
        assert!(decode("other", &entry).is_err());
        for n in 0..entry.len() {
            let mut damaged = entry.clone();
            damaged[n] ^= 1;
            assert!(decode("k", &damaged).is_err(), "{n}");
            assert!(decode("k", &entry[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn entry_written_by_any_release_is_these_bytes() {
        let golden = b"\0\0\0\0\0\0\0\x07\x10\x56\x6c\x8dvalue";
        assert_eq!(encode("k", RootVersion(7), b"value"), golden);
        assert_eq!(decode("k", golden).unwrap().value, &b"value"[..]);
    }

    #[test]
    fn versions_of_equal_values_in_two_histories_differ() {
        let first = next_version(None, b"a");
        let (left, right) = (next_version(Some(first), b"l"), next_version(Some(first), b"r"));
        assert_ne!(left, right);
        assert_ne!(next_version(Some(left), b"x"), next_version(Some(right), b"x"));
        assert_ne!(next_version(Some(left), b"x"), next_version(None, b"x"));
        assert_eq!(next_version(None, b"a"), first);
    }
}
