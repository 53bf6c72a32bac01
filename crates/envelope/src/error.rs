//! What can be wrong with a frame.

use velostream_core::{Code, Disposition};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why bytes are not a frame, or a body does not fit into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first four bytes are another format's.
    #[error("not a frame of kind {expected:?}: it starts with {found:?}")]
    NotOurs {
        /// Magic that was asked for.
        expected: [u8; 4],
        /// First four bytes, zero where there are fewer.
        found: [u8; 4],
    },
    /// A later version of the program wrote it.
    #[error("format version {found} is newer than {supported}, the newest that this program reads")]
    NewerVersion {
        /// Version in the header.
        found: u16,
        /// Newest version that the caller reads.
        supported: u16,
    },
    /// Version 0 or flags, which no release has written.
    #[error("version {version} with flags {flags:#04x} was never written by a release")]
    Unknown {
        /// Version in the header.
        version: u16,
        /// Flags in the header.
        flags: u8,
    },
    /// A later version of the program used a codec that this one does not have.
    #[error("body codec {found} is not known to this program")]
    UnknownCodec {
        /// Codec id in the header.
        found: u8,
    },
    /// It ends inside the header or the body.
    #[error("ends after {found_bytes} of {expected_bytes} bytes")]
    Truncated {
        /// Bytes that are there.
        found_bytes: usize,
        /// Bytes that the header announces, or the size of a header.
        expected_bytes: usize,
    },
    /// More bytes than the header announces.
    #[error("is {found_bytes} bytes long but announces {expected_bytes}")]
    LengthMismatch {
        /// Bytes that are there.
        found_bytes: usize,
        /// Bytes that the header announces.
        expected_bytes: usize,
    },
    /// The bytes are not the ones that were written.
    #[error("checksum is {found:#010x} but the header says {expected:#010x}")]
    Checksum {
        /// CRC-32C of the bytes.
        found: u32,
        /// CRC-32C in the header.
        expected: u32,
    },
    /// The body is larger than the caller allows, or than the header can say.
    #[error("body of {found_bytes} bytes is larger than the limit of {limit_bytes}")]
    TooLarge {
        /// Size of the body.
        found_bytes: usize,
        /// Largest size allowed.
        limit_bytes: usize,
    },
}

impl Error {
    /// What is known: nothing was written or changed; either the bytes are damaged or an operator has to act.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::NewerVersion { .. } | Self::UnknownCodec { .. } | Self::TooLarge { .. } => {
                Disposition::Reject
            }
            Self::NotOurs { .. }
            | Self::Unknown { .. }
            | Self::Truncated { .. }
            | Self::LengthMismatch { .. }
            | Self::Checksum { .. } => Disposition::Corrupt,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NewerVersion { .. } | Self::UnknownCodec { .. } => Code::StateVersion,
            Self::NotOurs { .. }
            | Self::Unknown { .. }
            | Self::Truncated { .. }
            | Self::LengthMismatch { .. }
            | Self::Checksum { .. }
            | Self::TooLarge { .. } => Code::StateCorrupt,
        }
    }

    /// The error as it crosses a trait, naming the file or key that held the bytes.
    #[must_use]
    pub fn at(self, place: &str) -> velostream_core::Error {
        velostream_core::Error::new(self.code(), self.disposition(), format!("{place}: {self}"))
            .with_source(self)
    }
}
