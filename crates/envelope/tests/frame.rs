//! The frame keeps what it was given and finds every kind of damage.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken test shows itself by a panic")]

use proptest::prelude::*;
use velostream_envelope::{BodyCodec, Error, Format, HEADER_BYTES, decode, encode};

const KIND: Format = Format::new(*b"VSxx", 3);
const GOLDEN: &str = include_str!("golden/frame.hex");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Writes a checksum that fits, so that only the field under test is wrong.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[HEADER_BYTES..]);
    bytes[12..16].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn golden_bytes_decode_for_ever() {
    let bytes = hex(GOLDEN);
    assert_eq!(encode(KIND, BodyCodec::Bincode2, b"hello").unwrap(), bytes);
    let frame = decode(KIND, &bytes, 5).unwrap();
    assert_eq!((frame.version, frame.codec, frame.body), (3, BodyCodec::Bincode2, &b"hello"[..]));
}

#[test]
fn an_older_version_is_returned_with_its_number() {
    let old = encode(Format::new(*b"VSxx", 1), BodyCodec::Raw, b"").unwrap();
    assert_eq!(decode(KIND, &old, 0).unwrap().version, 1);
}

#[test]
fn a_newer_version_is_named_only_when_the_checksum_is_right() {
    let newer = encode(Format::new(*b"VSxx", 4), BodyCodec::Raw, b"b").unwrap();
    assert_eq!(decode(KIND, &newer, 9), Err(Error::NewerVersion { found: 4, supported: 3 }));
    let mut flipped = encode(KIND, BodyCodec::Raw, b"b").unwrap();
    flipped[5] = 4;
    assert!(matches!(decode(KIND, &flipped, 9), Err(Error::Checksum { .. })));
}

#[test]
fn foreign_bytes_are_not_ours_and_a_torn_magic_is_truncated() {
    assert!(matches!(decode(KIND, b"PK\x03\x04....", 9), Err(Error::NotOurs { .. })));
    assert!(matches!(decode(KIND, b"PK", 9), Err(Error::NotOurs { .. })));
    assert!(matches!(decode(KIND, b"VS", 9), Err(Error::Truncated { .. })));
    assert!(matches!(decode(KIND, b"", 9), Err(Error::Truncated { .. })));
}

#[test]
fn unknown_codec_flags_and_version_zero_are_refused() {
    let good = encode(KIND, BodyCodec::Raw, b"b").unwrap();
    for (at, value) in [(6, 77), (7, 1), (5, 0)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        let error = decode(KIND, &seal(bytes), 9).unwrap_err();
        assert!(matches!(error, Error::UnknownCodec { found: 77 } | Error::Unknown { .. }), "{error}");
    }
}

#[test]
fn a_body_above_the_limit_is_refused() {
    let bytes = encode(KIND, BodyCodec::Raw, b"hello").unwrap();
    assert_eq!(decode(KIND, &bytes, 4), Err(Error::TooLarge { found_bytes: 5, limit_bytes: 4 }));
}

#[test]
fn errors_name_the_place_and_carry_the_code() {
    let error = decode(KIND, b"VSxx", 9).unwrap_err().at("state/a.bin");
    assert_eq!(error.to_string(), "VS-0050: state/a.bin: ends after 4 of 16 bytes");
    assert!(error.is_fatal());
}

proptest! {
    #[test]
    fn decode_returns_what_encode_was_given(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = encode(KIND, BodyCodec::Raw, &body).unwrap();
        prop_assert_eq!(decode(KIND, &bytes, 300).unwrap().body, &body[..]);
    }

    #[test]
    fn any_flipped_bit_is_found(body in proptest::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>(), bit in 0u32..8) {
        let mut bytes = encode(KIND, BodyCodec::Raw, &body).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(decode(KIND, &bytes, 300).is_err());
    }

    #[test]
    fn any_other_length_is_found(body in proptest::collection::vec(any::<u8>(), 0..60), cut in any::<prop::sample::Index>(), more in 1usize..9) {
        let bytes = encode(KIND, BodyCodec::Raw, &body).unwrap();
        let cut = cut.index(bytes.len());
        let torn = decode(KIND, &bytes[..cut], 300).unwrap_err();
        prop_assert!(matches!(torn, Error::Truncated { .. }), "{}", torn);
        let mut longer = bytes;
        longer.extend(std::iter::repeat_n(0, more));
        let longer = decode(KIND, &longer, 300).unwrap_err();
        prop_assert!(matches!(longer, Error::LengthMismatch { .. }), "{}", longer);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        decode(KIND, &bytes, 64).ok();
        let mut ours = b"VSxx".to_vec();
        ours.extend(bytes);
        decode(KIND, &ours, 64).ok();
    }
}
