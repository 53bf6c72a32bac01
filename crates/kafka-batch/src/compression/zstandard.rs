//! Zstandard, at its default level 3 as in Kafka's Java client.

use std::io;

use super::{Failure, read_bounded};

/// Streams, so that a frame that lies about its size costs nothing. The library reserves a frame's window, at most
/// its own default of 128 MiB (what level 22 writes), and touches only as much of it as data comes out.
pub(super) fn decompress(section: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let decoder = zstd::stream::read::Decoder::with_buffer(section).map_err(Failure::Codec)?;
    read_bounded(decoder, section.len().saturating_mul(4), limit)
}

pub(super) fn compress(section: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    to.append(&mut zstd::bulk::compress(section, zstd::DEFAULT_COMPRESSION_LEVEL)?);
    Ok(())
}
