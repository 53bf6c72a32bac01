//! LZ4 frame format, as Kafka's Java client writes it: independent 64 KiB blocks, no checksums.
//!
//! Any frame is read: linked blocks, every block size, with or without content size and checksums (sarama writes
//! 4 MiB blocks, librdkafka linked ones). Our own walk over the frame, because the library's reserves and zeroes two to
//! three block sizes, up to 12 MiB, for a frame of 30 bytes. The frame's own checksums are stepped over: the batch's
//! CRC-32C covers the same bytes. Layout: `lz4_Frame_format.md` of lz4.

use std::io::{self, Write};

use lz4_flex::block::{DecompressError, decompress_into_with_dict};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::Failure;

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUMS: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const DICTIONARY: u8 = 1;
/// Top bit of a block's length: stored as it is.
const STORED: u32 = 1 << 31;
/// How far back a linked block may refer.
const WINDOW: usize = 64 << 10;
/// One compressed byte extends a match by at most 255 bytes, so no block grows more than this.
const MAX_GROWTH: usize = 256;
/// Least room that a block gets at first: what Kafka's own client puts into one.
const FIRST_ROOM: usize = 64 << 10;

pub(super) fn decompress(section: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let (frame, mut rest) = Frame::parse(section)?;
    let mut bytes = Vec::new();
    loop {
        let (length, after) = split(rest)?;
        let length = u32::from_le_bytes(length);
        if length == 0 {
            // End mark. What follows, a content checksum or padding, is not read by Kafka's client either.
            return Ok(bytes);
        }
        let stored = length & STORED != 0;
        let length = usize::try_from(length & !STORED).unwrap_or(usize::MAX);
        let Some((block, after)) = after.split_at_checked(length) else { return Err(cut()) };
        if length > frame.max_block {
            return Err(Failure::invalid("lz4 block is larger than its frame allows"));
        }
        if stored {
            if block.len() > limit - bytes.len() {
                return Err(Failure::TooLarge);
            }
            bytes.extend_from_slice(block);
        } else {
            frame.append(block, limit, &mut bytes)?;
        }
        rest = if frame.block_checksums { split::<4>(after)?.1 } else { after };
    }
}

fn cut() -> Failure {
    Failure::invalid("lz4 frame is cut")
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Failure> {
    bytes.split_first_chunk::<N>().map(|(head, rest)| (*head, rest)).ok_or_else(cut)
}

struct Frame {
    linked: bool,
    block_checksums: bool,
    max_block: usize,
}

impl Frame {
    /// Reads the frame header, checksum byte included.
    fn parse(section: &[u8]) -> Result<(Self, &[u8]), Failure> {
        let (magic, rest) = split::<4>(section)?;
        if magic != MAGIC {
            return Err(Failure::invalid("not an lz4 frame"));
        }
        let ([flags, block_descriptor], mut rest) = split::<2>(rest)?;
        if flags & VERSION_MASK != VERSION || flags & DICTIONARY != 0 {
            return Err(Failure::invalid("lz4 frame of another version or with a dictionary"));
        }
        let max_block = match (block_descriptor >> 4) & 0b111 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(Failure::invalid("lz4 frame with an unknown block size")),
        };
        if flags & CONTENT_SIZE != 0 {
            rest = split::<8>(rest)?.1;
        }
        let ([_header_checksum], rest) = split::<1>(rest)?;
        let frame = Self {
            linked: flags & INDEPENDENT == 0,
            block_checksums: flags & BLOCK_CHECKSUMS != 0,
            max_block,
        };
        Ok((frame, rest))
    }

    /// Appends one compressed block. Blocks of 4 MiB are common and full ones are not, so room grows on demand.
    fn append(&self, block: &[u8], limit: usize, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let start = bytes.len();
        let possible = self.max_block.min(block.len().saturating_mul(MAX_GROWTH));
        let allowed = possible.min(limit - start);
        let mut room = allowed.min(block.len().saturating_mul(8).max(FIRST_ROOM));
        loop {
            bytes.resize(start + room, 0);
            let (done, to) = bytes.split_at_mut(start);
            let window = if self.linked { done.get(start.saturating_sub(WINDOW)..) } else { None };
            match decompress_into_with_dict(block, to, window.unwrap_or_default()) {
                Ok(written) => {
                    bytes.truncate(start + written);
                    return Ok(());
                }
                Err(DecompressError::OutputTooSmall { .. }) if room < allowed => {
                    room = allowed.min(room.saturating_mul(4));
                }
                Err(DecompressError::OutputTooSmall { .. }) if allowed < possible => {
                    return Err(Failure::TooLarge);
                }
                Err(error) => return Err(Failure::Codec(io::Error::new(io::ErrorKind::InvalidData, error))),
            }
        }
    }
}

pub(super) fn compress(section: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, to);
    encoder.write_all(section)?;
    encoder.finish().map(drop).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(info: FrameInfo, content: &[u8]) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Words that come again near and far, so that linked blocks do refer to earlier ones.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..40_u32, 0..60_000)
            .prop_map(|words| words.iter().flat_map(|word| (word * 0x0101_4567).to_be_bytes()).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn frame_of_any_shape_is_read(
            content in content(), linked: bool, sized: bool, block_checksums: bool, content_checksum: bool, size in 0..4,
        ) {
            let sizes = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB];
            let info = FrameInfo::new()
                .block_size(sizes[usize::try_from(size).unwrap()])
                .block_mode(if linked { BlockMode::Linked } else { BlockMode::Independent })
                .content_size(sized.then_some(content.len() as u64))
                .block_checksums(block_checksums)
                .content_checksum(content_checksum);
            let read = decompress(&frame(info, &content), content.len()).unwrap();
            prop_assert!(read == content);
        }
    }

    #[test]
    fn frame_that_is_cut_anywhere_is_refused() {
        let whole = frame(FrameInfo::new().block_size(BlockSize::Max64KB), &[7; 1000]);
        for len in 0..whole.len() {
            assert!(matches!(decompress(&whole[..len], 4096), Err(Failure::Codec(_))), "{len}");
        }
    }

    #[test]
    fn frame_that_kafka_does_not_read_is_refused() {
        let mut dictionary = frame(FrameInfo::new().block_size(BlockSize::Max64KB), b"x");
        dictionary[4] |= DICTIONARY;
        assert!(matches!(decompress(&dictionary, 4096), Err(Failure::Codec(_))));
        let legacy = 0x184C_2102_u32.to_le_bytes();
        assert!(matches!(decompress(&legacy, 4096), Err(Failure::Codec(_))));
    }

    #[test]
    fn highly_compressed_block_of_four_mebibytes_is_read() {
        let content = vec![9; 4 << 20];
        let read =
            decompress(&frame(FrameInfo::new().block_size(BlockSize::Max4MB), &content), content.len());
        assert!(read.unwrap() == content);
    }
}
