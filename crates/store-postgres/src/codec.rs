//! What a row says about itself: its version and its checksum.

use bytes::Bytes;
use velostream_core::{Member, RootVersion, Versioned};
use velostream_envelope::entry;

/// The column `crc`.
pub(crate) fn checksum(key: &str, version: RootVersion, value: &[u8]) -> i64 {
    i64::from(entry::checksum(key, version, value))
}

/// The column of a version.
pub(crate) const fn column(version: RootVersion) -> i64 {
    signed(version.0)
}

/// A column with these 64 bits.
pub(crate) const fn signed(number: u64) -> i64 {
    i64::from_be_bytes(number.to_be_bytes())
}

/// The 64 bits of a column.
pub(crate) const fn unsigned(column: i64) -> u64 {
    u64::from_be_bytes(column.to_be_bytes())
}

/// A row; `None` where its checksum does not fit.
pub(crate) fn decode(key: &str, version: i64, crc: i64, value: &[u8]) -> Option<Versioned> {
    let version = RootVersion(unsigned(version));
    let fits = checksum(key, version, value) == crc;
    fits.then(|| Versioned { value: Bytes::copy_from_slice(value), version })
}

/// A note of a member with its checksum.
pub(crate) fn seal(member: &Member, note: &[u8]) -> Vec<u8> {
    entry::encode(&member.to_string(), RootVersion(0), note)
}

/// The note; `None` where its checksum does not fit.
pub(crate) fn open(member: &Member, sealed: &[u8]) -> Option<Bytes> {
    entry::decode(&member.to_string(), sealed).ok().map(|found| found.value)
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
