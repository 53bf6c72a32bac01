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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn streamed(level: i32, content: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn frame_without_a_size_is_read_at_every_level_that_kafka_allows() {
        let content: Vec<u8> = (0..50_000_u32).flat_map(|i| (i / 3).to_be_bytes()).collect();
        for level in [-7, 1, 3, 19, 22] {
            assert_eq!(decompress(&streamed(level, &content), content.len()).unwrap(), content, "{level}");
        }
    }

    #[test]
    fn concatenated_frames_are_read_as_one() {
        let joined = [streamed(3, b"head"), streamed(3, b"tail")].concat();
        assert_eq!(decompress(&joined, 8).unwrap(), b"headtail");
        assert!(matches!(decompress(&joined, 7), Err(Failure::TooLarge)));
    }

    #[test]
    fn frame_that_is_cut_anywhere_is_refused() {
        let whole = streamed(3, &[b'a'; 500]);
        for len in 1..whole.len() {
            assert!(matches!(decompress(&whole[..len], 4096), Err(Failure::Codec(_))), "{len}");
        }
    }
}
