//! What can go wrong with the table.

use velostream_core::{Code, Disposition, NotAdmitted};

use crate::failure::Failure;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be.
    #[error("{setting}: {why}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The table keeps less than is claimed.
    #[error("table {table}: {setting}: {why}")]
    Weak {
        /// The table.
        table: String,
        /// The setting of the table.
        setting: &'static str,
        /// What it is and what it must be.
        why: String,
    },
    /// The request was certainly not applied.
    #[error("table {table}: {doing}: {failure}")]
    NotApplied {
        /// The table.
        table: String,
        /// The operation.
        doing: &'static str,
        /// Why.
        failure: Failure,
    },
    /// No answer, or one that does not say: the request may have been applied.
    #[error("table {table}: {doing}: {failure}; it may have been applied")]
    Unknown {
        /// The table.
        table: String,
        /// The operation.
        doing: &'static str,
        /// Why.
        failure: Failure,
    },
    /// The service refuses the request and will refuse it again.
    #[error("table {table}: {doing}: {failure}")]
    Refused {
        /// The table.
        table: String,
        /// The operation.
        doing: &'static str,
        /// Why.
        failure: Failure,
    },
    /// The service took a part of a batch again and again.
    #[error("table {table}: {doing}: {left} items were not processed")]
    Unprocessed {
        /// The table.
        table: String,
        /// The operation.
        doing: &'static str,
        /// How many are left.
        left: usize,
    },
    /// No answer by the deadline.
    #[error("table {table}: no answer in {deadline_ms} ms")]
    Slow {
        /// The table.
        table: String,
        /// The deadline in milliseconds.
        deadline_ms: u128,
    },
    /// A later version wrote the table.
    #[error(
        "table {table}: written by a later version (format {found}, this program reads up to {supported})"
    )]
    NewerVersion {
        /// The table.
        table: String,
        /// Its format.
        found: u64,
        /// Newest format that this program reads.
        supported: u64,
    },
    /// The table is not a store.
    #[error("table {table}: {why}")]
    Corrupt {
        /// The table.
        table: String,
        /// What does not fit.
        why: &'static str,
    },
    /// A value is damaged.
    #[error("table {table}: the value of {key} is damaged: {why}")]
    CorruptValue {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What does not fit.
        why: &'static str,
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
            Self::NotApplied { .. } | Self::Unprocessed { .. } | Self::Slow { .. } => Disposition::Retry,
            Self::Unknown { .. } => Disposition::Reconcile,
            Self::Config { .. }
            | Self::Weak { .. }
            | Self::Refused { .. }
            | Self::NewerVersion { .. }
            | Self::NotAdmitted(_) => Disposition::Reject,
            Self::Corrupt { .. } | Self::CorruptValue { .. } => Disposition::Corrupt,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Config { .. } => Code::Config,
            Self::Weak { .. } => Code::StoreWeak,
            Self::NotApplied { .. }
            | Self::Unknown { .. }
            | Self::Refused { .. }
            | Self::Unprocessed { .. }
            | Self::Slow { .. } => Code::StoreUnavailable,
            Self::NewerVersion { .. } => Code::StateVersion,
            Self::Corrupt { .. } | Self::CorruptValue { .. } => Code::StateCorrupt,
            Self::NotAdmitted(why) => why.code(),
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        let remedy = match &error {
            Error::Refused { failure, .. } => failure.remedy(),
            _ => None,
        };
        let core = Self::new(error.code(), error.disposition(), error.to_string()).with_source(error);
        match remedy {
            Some(remedy) => core.with_remedy(remedy),
            None => core,
        }
    }
}
