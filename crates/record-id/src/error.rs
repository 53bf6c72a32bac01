//! Why there is no id, or why an id is not one.

use velostream_core::{Code, Disposition};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A composite without fields, with the same field twice, or with a field that cannot be parsed.
    #[error("composite field {field:?}: {why}")]
    Field {
        /// The field as configured.
        field: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The record has no such part, or one that has no exact text.
    #[error("the record at {position} has no usable {field}: {why}")]
    NoValue {
        /// Where the record stands.
        position: String,
        /// The field.
        field: String,
        /// Why there is no value.
        why: &'static str,
    },
    /// The id would be longer than [`MAX_ID_BYTES`](crate::MAX_ID_BYTES).
    #[error("an id of {found_bytes} bytes is longer than {limit_bytes}; use content_hash for large fields")]
    TooLong {
        /// Length of the id.
        found_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// Text that this strategy never generates.
    #[error("{id:?} is not an id of the strategy {strategy}: {why}")]
    NotAnId {
        /// The text, shortened.
        id: String,
        /// The strategy that was asked.
        strategy: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A position of a kind that this version does not know.
    #[error("positions like {position} have no id in this version")]
    UnknownPosition {
        /// The position.
        position: String,
    },
    /// A custom identifier refused.
    #[error("custom identifier: {why}")]
    Custom {
        /// Its words.
        why: String,
    },
}

impl Error {
    /// Ids are pure: an error says nothing about effects, only that configuration or data is refused.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Field { .. }
            | Self::NoValue { .. }
            | Self::TooLong { .. }
            | Self::NotAnId { .. }
            | Self::UnknownPosition { .. }
            | Self::Custom { .. } => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Field { .. } => Code::Config,
            Self::NoValue { .. }
            | Self::TooLong { .. }
            | Self::NotAnId { .. }
            | Self::UnknownPosition { .. }
            | Self::Custom { .. } => Code::RecordId,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
