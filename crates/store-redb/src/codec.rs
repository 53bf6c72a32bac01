//! An entry of the table: version, checksum, value.

use bytes::Bytes;
use velostream_core::{RootVersion, Versioned};

/// Version of the entries' layout; kept in the table of settings.
pub(crate) const FORMAT: u64 = 1;

/// 8 bytes version, 4 bytes CRC-32C of key, version and value; big-endian.
const HEADER_BYTES: usize = 12;

/// The bytes of an entry.
pub(crate) fn encode(key: &str, version: RootVersion, value: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER_BYTES.saturating_add(value.len()));
    entry.extend_from_slice(&version.0.to_be_bytes());
    entry.extend_from_slice(&checksum(key, version, value).to_be_bytes());
    entry.extend_from_slice(value);
    entry
}

/// An entry; the reason where it is damaged.
pub(crate) fn decode(key: &str, entry: &[u8]) -> Result<Versioned, &'static str> {
    let (version, rest) = entry.split_first_chunk::<8>().ok_or("it is too short")?;
    let (found, value) = rest.split_first_chunk::<4>().ok_or("it is too short")?;
    let version = RootVersion(u64::from_be_bytes(*version));
    if checksum(key, version, value) != u32::from_be_bytes(*found) {
        return Err("its checksum does not fit");
    }
    Ok(Versioned { value: Bytes::copy_from_slice(value), version })
}

fn checksum(key: &str, version: RootVersion, value: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&version.0.to_be_bytes()), key.as_bytes());
    crc32c::crc32c_append(crc, value)
}

/// The version of `value` written over `previous`: one write more, and a checksum of both.
pub(crate) fn next_version(previous: Option<RootVersion>, value: &[u8]) -> RootVersion {
    let previous = previous.map_or(0, |version| version.0);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&previous.to_be_bytes()), value);
    let writes = (previous >> 32).wrapping_add(1);
    RootVersion(writes << 32 | u64::from(crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damage_is_found() {
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
    fn entry_of_format_1_is_these_bytes_for_ever() {
        let golden = b"\0\0\0\0\0\0\0\x07\x10\x56\x6c\x8dvalue";
        assert_eq!(encode("k", RootVersion(7), b"value"), golden);
        assert_eq!(decode("k", golden).unwrap().value, &b"value"[..]);
    }

    #[test]
    fn versions_count_and_part_with_their_values() {
        let first = next_version(None, b"a");
        let (left, right) = (next_version(Some(first), b"l"), next_version(Some(first), b"r"));
        assert!(first < left && first < right);
        assert_ne!(left, right);
        assert_ne!(next_version(Some(left), b"x"), next_version(Some(right), b"x"));
    }
}
