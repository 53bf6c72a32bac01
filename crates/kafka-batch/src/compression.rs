//! The codecs of the records section, as Kafka frames them, with a bound on what decompression may allocate.

mod gzip;
mod lz4;
mod snappy;
mod zstandard;

use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use velostream_core::Codec;

use crate::attributes::COMPRESSION;
use crate::{Error, Limits, Result};

/// Codec of a records section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not compressed.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy; written in xerial framing, read in it and raw.
    Snappy,
    /// LZ4 frame format.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

/// Why a section cannot be decompressed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is larger than the bound.
    TooLarge,
    /// It does not decode.
    Codec(io::Error),
}

impl Failure {
    fn invalid(what: &'static str) -> Self {
        Self::Codec(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl Compression {
    /// All codecs, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The id in bits 0 to 2 of a batch's attributes.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of a batch with these attributes; the unknown id otherwise.
    pub(crate) fn from_attributes(attributes: u16) -> Result<Self, u8> {
        match attributes & COMPRESSION {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            // The mask leaves three bits.
            id => Err(u8::try_from(id).unwrap_or(u8::MAX)),
        }
    }

    /// The name that Kafka's `compression.type` uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Decompresses a section of the batch at `offset`. An uncompressed section is returned as it is.
    pub(crate) fn decompress(self, section: &Bytes, offset: i64, limits: Limits) -> Result<Bytes> {
        let limit_bytes = limits.max_decompressed_bytes;
        let decompressed = match self {
            Self::None if section.len() > limit_bytes => Err(Failure::TooLarge),
            Self::None => return Ok(section.clone()),
            // What compaction leaves of a batch without records, whatever its codec bits say.
            _ if section.is_empty() => return Ok(Bytes::new()),
            Self::Gzip => gzip::decompress(section, limit_bytes),
            Self::Snappy => snappy::decompress(section, limit_bytes),
            Self::Lz4 => lz4::decompress(section, limit_bytes),
            Self::Zstd => zstandard::decompress(section, limit_bytes),
        };
        match decompressed {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(Failure::TooLarge) => Err(Error::TooLarge { offset, compression: self, limit_bytes }),
            Err(Failure::Codec(source)) => Err(Error::Decompress { offset, compression: self, source }),
        }
    }

    /// Appends the compressed section to `to`, at the codec's default level.
    pub(crate) fn compress(self, section: &[u8], to: &mut Vec<u8>) -> Result<()> {
        let compressed = match self {
            Self::None => {
                to.extend_from_slice(section);
                Ok(())
            }
            Self::Gzip => gzip::compress(section, to),
            Self::Snappy => snappy::compress(section, to),
            Self::Lz4 => lz4::compress(section, to),
            Self::Zstd => zstandard::compress(section, to),
        };
        compressed.map_err(|source| Error::Compress { compression: self, source })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip,
            Compression::Snappy => Self::Snappy,
            Compression::Lz4 => Self::Lz4,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// Reads a decoder to its end, at most `limit` bytes. The buffer grows with what really comes out.
fn read_bounded(decoder: impl Read, hint: usize, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(hint.min(limit));
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(one_more).read_to_end(&mut bytes).map_err(Failure::Codec)?;
    if bytes.len() > limit { Err(Failure::TooLarge) } else { Ok(bytes) }
}
