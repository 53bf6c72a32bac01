//! What the model refuses, and what a script makes it say.

use velostream_core::{Code, Disposition};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Scripted: the call did not reach the store.
    #[error("scripted fault: {call} did not reach the store")]
    NotReached {
        /// The call.
        call: &'static str,
    },
    /// Scripted: the reply was lost.
    #[error("scripted fault: the reply of {call} was lost")]
    ReplyLost {
        /// The call.
        call: &'static str,
    },
    /// A key outside the grammar `[a-z0-9/._-]{1,512}`.
    #[error("key {key:?} is not allowed")]
    Key {
        /// The key.
        key: String,
    },
    /// A put of a key that holds another value.
    #[error("key {key:?} is written once and holds another value")]
    Rewritten {
        /// The key.
        key: String,
    },
    /// A value larger, or more puts, than the store claims to take.
    #[error("{found} {what} exceed the limit of {limit}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl Error {
    /// What is known about the effect.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::NotReached { .. } => Disposition::Retry,
            Self::ReplyLost { .. } => Disposition::Reconcile,
            Self::Key { .. } | Self::Rewritten { .. } | Self::TooLarge { .. } => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotReached { .. } | Self::ReplyLost { .. } => Code::StoreUnavailable,
            Self::Key { .. } | Self::Rewritten { .. } => Code::Internal,
            Self::TooLarge { .. } => Code::StateTooLarge,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
