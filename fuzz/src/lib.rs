//! What the fuzz targets share: the bound on memory that every decoder has to keep, and frames around fuzzed bodies.
//!
//! A fuzzer does not guess checksums. So a target for a sealed format is given a body, seals it, and decodes that too.

use velostream_envelope::{BodyCodec, Format};

/// Bytes that a decoder may hold whatever it is given: error texts, a decompressor's tables.
const FREE_BYTES: u64 = 1 << 20;

/// Runs a decoder and panics where it ever held more than `factor` times its input plus 1 MiB on the Rust heap.
///
/// C libraries allocate beside the Rust heap; `-rss_limit_mb` bounds them.
pub fn within(factor: u64, input: &[u8], decoder: impl FnOnce()) {
    let peak = allocation_counter::measure(decoder).bytes_max;
    let allowed = factor * input.len() as u64 + FREE_BYTES;
    assert!(peak <= allowed, "held {peak} bytes for {} bytes of input, allowed {allowed}", input.len());
}

/// An envelope with this body and a right checksum.
#[must_use]
pub fn sealed(magic: [u8; 4], codec: BodyCodec, body: &[u8]) -> Vec<u8> {
    sealed_as(Format::new(magic, 1), codec, body)
}

/// As [`sealed`], of another version than the first.
#[must_use]
pub fn sealed_as(format: Format, codec: BodyCodec, body: &[u8]) -> Vec<u8> {
    velostream_envelope::encode(format, codec, body).expect("a body of a few kilobytes fits")
}

/// Splits off a selector: the first byte, 0 where there is none.
#[must_use]
pub fn selected(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}
