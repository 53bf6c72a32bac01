//! The frame itself.
//!
//! ```text
//! 0  magic     4 bytes
//! 4  version   u16 big-endian, from 1
//! 6  codec     u8
//! 7  flags     u8, 0
//! 8  length    u32 big-endian, bytes of the body
//! 12 checksum  u32 big-endian, CRC-32C (RFC 3720, B.4) of bytes 0..12 and of the body
//! 16 body
//! ```

use crate::{BodyCodec, Error, Format, Result};

/// Bytes in front of the body.
pub const HEADER_BYTES: usize = 16;

/// An intact frame; borrows its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Version of the body, from 1 up to the format's.
    pub version: u16,
    /// How the body is encoded.
    pub codec: BodyCodec,
    /// The body.
    pub body: &'a [u8],
}

/// Wraps a body; `format.version` is the version written.
///
/// # Errors
/// `TooLarge` -> Reject, where the body does not fit into 32 bits of length.
pub fn encode(format: Format, codec: BodyCodec, body: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(body.len())
        .map_err(|_| Error::TooLarge { found_bytes: body.len(), limit_bytes: 0xffff_ffff })?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES.saturating_add(body.len()));
    bytes.extend_from_slice(&format.magic);
    bytes.extend_from_slice(&format.version.to_be_bytes());
    bytes.extend_from_slice(&[codec.id(), 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), body);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// Opens a frame that must fill `bytes` exactly.
///
/// # Errors
/// `NotOurs`, `Truncated`, `LengthMismatch`, `Checksum`, `Unknown` -> Corrupt; `NewerVersion`, `UnknownCodec`,
/// `TooLarge` -> Reject.
pub fn decode(format: Format, bytes: &[u8], max_body_bytes: usize) -> Result<Frame<'_>> {
    let Some((&magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(short(format, bytes));
    };
    if magic != format.magic {
        return Err(Error::NotOurs { expected: format.magic, found: magic });
    }
    let Some((&[v0, v1, codec, flags, l0, l1, l2, l3, c0, c1, c2, c3], body)) =
        rest.split_first_chunk::<12>()
    else {
        return Err(Error::Truncated { found_bytes: bytes.len(), expected_bytes: HEADER_BYTES });
    };
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    let expected_bytes = HEADER_BYTES.saturating_add(length);
    if body.len() < length {
        return Err(Error::Truncated { found_bytes: bytes.len(), expected_bytes });
    }
    if body.len() > length {
        return Err(Error::LengthMismatch { found_bytes: bytes.len(), expected_bytes });
    }
    if length > max_body_bytes {
        return Err(Error::TooLarge { found_bytes: length, limit_bytes: max_body_bytes });
    }
    let expected = u32::from_be_bytes([c0, c1, c2, c3]);
    let header = crc32c::crc32c_append(crc32c::crc32c(&magic), &[v0, v1, codec, flags, l0, l1, l2, l3]);
    let found = crc32c::crc32c_append(header, body);
    if found != expected {
        return Err(Error::Checksum { found, expected });
    }
    let version = u16::from_be_bytes([v0, v1]);
    if version > format.version {
        return Err(Error::NewerVersion { found: version, supported: format.version });
    }
    if version == 0 || flags != 0 {
        return Err(Error::Unknown { version, flags });
    }
    let codec = BodyCodec::from_id(codec).ok_or(Error::UnknownCodec { found: codec })?;
    Ok(Frame { version, codec, body })
}

/// Fewer than four bytes: a torn frame if they start like one, else somebody else's.
fn short(format: Format, bytes: &[u8]) -> Error {
    if format.magic.starts_with(bytes) {
        return Error::Truncated { found_bytes: bytes.len(), expected_bytes: HEADER_BYTES };
    }
    let mut found = [0; 4];
    for (to, from) in found.iter_mut().zip(bytes) {
        *to = *from;
    }
    Error::NotOurs { expected: format.magic, found }
}
