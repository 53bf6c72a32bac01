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
