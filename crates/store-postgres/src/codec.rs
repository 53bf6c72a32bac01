//! What a row says about itself: its version and its checksum.

use bytes::Bytes;
use velostream_core::{RootVersion, Versioned};
use velostream_envelope::entry;

/// The column `crc`.
pub(crate) fn checksum(key: &str, version: RootVersion, value: &[u8]) -> i64 {
    i64::from(entry::checksum(key, version, value))
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
        let version = entry::next_version(None, b"value");
        let crc = checksum("k", version, b"value");
        let back = decode("k", column(version), crc, b"value").unwrap();
        assert_eq!((back.version, &back.value[..]), (version, &b"value"[..]));
        assert_eq!(decode("other", column(version), crc, b"value"), None);
        assert_eq!(decode("k", column(version) + 1, crc, b"value"), None);
        assert_eq!(decode("k", column(version), crc, b"valuf"), None);
    }
}
