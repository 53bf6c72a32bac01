//! Why bytes are not a checkpoint.

use velostream_core::{Code, Disposition};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a checkpoint, or with another bincode body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The frame is foreign, torn, damaged or newer.
    #[error("checkpoint frame")]
    Frame {
        /// Which of these.
        #[from]
        source: velostream_envelope::Error,
    },
    /// The frame is intact but its body does not decode.
    #[error("body of version {version} does not decode")]
    Body {
        /// Version of the body.
        version: u16,
        /// Where it stopped.
        source: bincode::error::DecodeError,
    },
    /// Bytes after the body.
    #[error("body of version {version} has {bytes} bytes left over")]
    LeftOver {
        /// Version of the body.
        version: u16,
        /// How many.
        bytes: usize,
    },
    /// The body is in another codec than its version uses.
    #[error("body of version {version} is in the wrong codec")]
    Codec {
        /// Version of the body.
        version: u16,
    },
    /// The value holds something that the format cannot say.
    #[error("value cannot be encoded")]
    Encode {
        /// Why.
        source: bincode::error::EncodeError,
    },
    /// A position of a kind that this version does not know.
    #[error("positions like {position} cannot be stored by this version")]
    UnknownPosition {
        /// The position.
        position: String,
    },
}

impl Error {
    /// Nothing was written or changed; either the bytes are damaged or an operator has to act.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Frame { source } => source.disposition(),
            Self::Body { .. } | Self::LeftOver { .. } | Self::Codec { .. } => Disposition::Corrupt,
            Self::Encode { .. } | Self::UnknownPosition { .. } => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Frame { source } => source.code(),
            Self::Body { .. } | Self::LeftOver { .. } | Self::Codec { .. } => Code::StateCorrupt,
            Self::Encode { .. } => Code::StateTooLarge,
            Self::UnknownPosition { .. } => Code::Internal,
        }
    }

    /// The error as it crosses a trait, naming the file or key that held the bytes.
    #[must_use]
    pub fn at(self, place: &str) -> velostream_core::Error {
        let why = std::error::Error::source(&self).map_or_else(String::new, |source| format!(": {source}"));
        velostream_core::Error::new(self.code(), self.disposition(), format!("{place}: {self}{why}"))
            .with_source(self)
    }
}
