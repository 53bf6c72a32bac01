//! What the model refuses, and what a script makes it say.

use velostream_core::{Code, Disposition, NotAdmitted};

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
    /// A commit that no store takes, or not this one.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
}

impl Error {
    /// What is known about the effect.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::NotReached { .. } => Disposition::Retry,
            Self::ReplyLost { .. } => Disposition::Reconcile,
            Self::NotAdmitted(_) => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotReached { .. } | Self::ReplyLost { .. } => Code::StoreUnavailable,
            Self::NotAdmitted(why) => why.code(),
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
