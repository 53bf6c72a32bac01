//! gzip, at its default level 6 as in Kafka's Java client. Members may be concatenated.

use std::io::{self, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Failure, read_bounded};

pub(super) fn decompress(section: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    read_bounded(MultiGzDecoder::new(section), section.len().saturating_mul(4), limit)
}

pub(super) fn compress(section: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(to, flate2::Compression::default());
    encoder.write_all(section)?;
    encoder.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concatenated_members_are_read_as_one() {
        let mut bytes = Vec::new();
        compress(b"head", &mut bytes).unwrap();
        compress(b"tail", &mut bytes).unwrap();
        assert_eq!(decompress(&bytes, 8).unwrap(), b"headtail");
        assert!(matches!(decompress(&bytes, 7), Err(Failure::TooLarge)));
    }

    #[test]
    fn stream_that_is_cut_anywhere_is_refused() {
        let mut bytes = Vec::new();
        compress(&[b'a'; 500], &mut bytes).unwrap();
        for len in 1..bytes.len() {
            assert!(matches!(decompress(&bytes[..len], 4096), Err(Failure::Codec(_))), "{len}");
        }
    }
}
