//! What a row says about itself: its version and its checksum.

use bytes::Bytes;
use velostream_core::{RootVersion, Versioned};

/// The version of `value` written over `previous`: one write more (upper 32 bits), and a checksum of both (lower 32),
/// so that two histories that part after a failover do not share versions.
pub(crate) fn next_version(previous: Option<RootVersion>, value: &[u8]) -> RootVersion {
    let previous = previous.map_or(0, |version| version.0);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&previous.to_be_bytes()), value);
    // 31 bits of count: a column of type int8 is signed, and versions are to ascend in it as well.
    let writes = (previous >> 32).wrapping_add(1) & 0x7fff_ffff;
    RootVersion(writes << 32 | u64::from(crc))
}

/// CRC-32C of key, version and value, as the column `crc` keeps it.
pub(crate) fn checksum(key: &str, version: RootVersion, value: &[u8]) -> i64 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&version.0.to_be_bytes()), key.as_bytes());
    i64::from(crc32c::crc32c_append(crc, value))
}

/// The column of a version: the same 64 bits.
pub(crate) fn column(version: RootVersion) -> i64 {
    i64::from_be_bytes(version.0.to_be_bytes())
}

/// A row; `None` where its checksum does not fit.
pub(crate) fn decode(key: &str, version: i64, crc: i64, value: &[u8]) -> Option<Versioned> {
    let version = RootVersion(u64::from_be_bytes(version.to_be_bytes()));
    let fits = checksum(key, version, value) == crc;
    fits.then(|| Versioned { value: Bytes::copy_from_slice(value), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_comes_back_and_damage_is_found() {
        let version = next_version(None, b"value");
        let crc = checksum("k", version, b"value");
        let back = decode("k", column(version), crc, b"value").unwrap();
        assert_eq!((back.version, &back.value[..]), (version, &b"value"[..]));
        assert_eq!(decode("other", column(version), crc, b"value"), None);
        assert_eq!(decode("k", column(version) + 1, crc, b"value"), None);
        assert_eq!(decode("k", column(version), crc, b"valuf"), None);
    }

    #[test]
    fn versions_ascend_and_part_with_their_values() {
        let first = next_version(None, b"a");
        let (left, right) = (next_version(Some(first), b"l"), next_version(Some(first), b"r"));
        assert!(first < left && first < right);
        assert_ne!(left, right);
        assert_ne!(next_version(Some(left), b"x"), next_version(Some(right), b"x"));
        assert!(column(RootVersion(0x7fff_ffff_ffff_ffff)) > 0);
    }
}
