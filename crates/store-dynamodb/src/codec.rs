//! What is computed of a value: its checksum and its version.

use velostream_core::RootVersion;

/// Version of the items' layout; every item carries it.
pub(crate) const FORMAT: u64 = 1;

/// CRC-32C over version, key and value; version big-endian.
pub(crate) fn checksum(key: &str, version: RootVersion, value: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&version.0.to_be_bytes()), key.as_bytes());
    crc32c::crc32c_append(crc, value)
}

/// The version of `value` written over `previous`: one write more, and a checksum of both. A table that was restored
/// from a backup goes on with other versions than the ones that were lost.
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
    fn checksum_of_format_1_is_this_number_for_ever() {
        assert_eq!(checksum("k", RootVersion(7), b"value"), 0x1056_6c8d);
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
