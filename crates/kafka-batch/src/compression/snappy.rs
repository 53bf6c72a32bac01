//! Snappy in the framing of snappy-java ("xerial"), which Kafka's Java client writes and reads; raw blocks, which some
//! clients write, are read too.
//!
//! Framing: an 8-byte magic, two big-endian 32-bit versions, then blocks, each after its big-endian 32-bit length
//! (`SnappyOutputStream` of snappy-java).

use std::io;

use snap::raw::{Decoder, Encoder, decompress_len};

use super::Failure;

/// `SnappyCodec.MAGIC_HEADER`. Read as a block length it is negative, so it cannot be mistaken for one.
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version and lowest compatible version.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes of input per block: snappy-java's default, which Kafka keeps.
const BLOCK_LEN: usize = 32 << 10;
/// A copy element makes at most 64 bytes of 3 (format_description.txt of snappy), so no block grows more than this.
const MAX_GROWTH: usize = 22;

pub(super) fn decompress(section: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut rest = section;
    if !rest.starts_with(&MAGIC) {
        block(rest, limit, &mut bytes)?;
        return Ok(bytes);
    }
    while !rest.is_empty() {
        // Streams may be concatenated, each with its own header.
        if let Some(after) = rest.strip_prefix(&MAGIC) {
            rest = after.get(VERSIONS.len()..).ok_or_else(|| Failure::invalid("xerial header is cut"))?;
            continue;
        }
        let Some((length, after)) = rest.split_first_chunk::<4>() else {
            return Err(Failure::invalid("xerial block length is cut"));
        };
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let Some((compressed, after)) = length.and_then(|length| after.split_at_checked(length)) else {
            return Err(Failure::invalid("xerial block is cut"));
        };
        block(compressed, limit, &mut bytes)?;
        rest = after;
    }
    Ok(bytes)
}

/// Appends one block. The size it declares is believed only as far as its own bytes can reach.
fn block(compressed: &[u8], limit: usize, to: &mut Vec<u8>) -> Result<(), Failure> {
    let length = decompress_len(compressed).map_err(|error| Failure::Codec(error.into()))?;
    if length > compressed.len().saturating_mul(MAX_GROWTH) {
        return Err(Failure::invalid("snappy block declares more than its bytes can hold"));
    }
    let start = to.len();
    if length > limit - start {
        return Err(Failure::TooLarge);
    }
    to.resize(start + length, 0);
    let room = to.get_mut(start..).unwrap_or_default();
    Decoder::new().decompress(compressed, room).map_err(|error| Failure::Codec(error.into()))?;
    Ok(())
}

pub(super) fn compress(section: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    to.extend_from_slice(&MAGIC);
    to.extend_from_slice(&VERSIONS);
    let mut encoder = Encoder::new();
    for block in section.chunks(BLOCK_LEN) {
        let compressed = encoder.compress_vec(block)?;
        let length = u32::try_from(compressed.len()).map_err(io::Error::other)?;
        to.extend_from_slice(&length.to_be_bytes());
        to.extend_from_slice(&compressed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Vec<u8> {
        (0..100_000_u32).flat_map(|i| (i / 7).to_be_bytes()).collect()
    }

    fn xerial(content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        compress(content, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn raw_block_is_read() {
        let raw = Encoder::new().compress_vec(&content()).unwrap();
        assert_eq!(decompress(&raw, 1 << 20).unwrap(), content());
    }

    #[test]
    fn concatenated_streams_are_read_as_one() {
        let joined = [xerial(&content()), xerial(b""), xerial(b"tail")].concat();
        assert_eq!(decompress(&joined, 1 << 20).unwrap(), [content(), b"tail".to_vec()].concat());
    }

    #[test]
    fn stream_that_is_cut_inside_a_block_is_refused() {
        let whole = xerial(b"some content that is some content");
        for len in 17..whole.len() {
            assert!(matches!(decompress(&whole[..len], 4096), Err(Failure::Codec(_))), "{len}");
        }
    }

    #[test]
    fn best_case_for_the_compressor_stays_within_the_growth_that_is_believed() {
        let content = vec![0; 1 << 20];
        assert_eq!(decompress(&xerial(&content), content.len()).unwrap(), content);
        assert_eq!(
            decompress(&Encoder::new().compress_vec(&content).unwrap(), content.len()).unwrap(),
            content
        );
    }

    #[test]
    fn declared_size_beyond_what_the_bytes_can_hold_is_refused() {
        // Varint of 2^31 - 1, then one literal.
        let lying = [0xff, 0xff, 0xff, 0xff, 0x07, 0x00, b'a'];
        assert!(matches!(decompress(&lying, usize::MAX), Err(Failure::Codec(_))));
    }
}
