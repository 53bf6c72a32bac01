//! What can go wrong with the file.

use std::path::PathBuf;

use velostream_core::{Code, Disposition, NotAdmitted};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another handle of this one, has the file open.
    #[error("{}: another process has it open", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote the file.
    #[error("{}: written by a later version (format {found}, this program reads up to {supported})", path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
        /// Newest format that this program reads.
        supported: u64,
    },
    /// The file is not a store, or damaged.
    #[error("{}: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A value in the file is damaged.
    #[error("{}: the value of {key} is damaged: {why}", path.display())]
    CorruptValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The file cannot be opened, read or written; nothing was applied.
    #[error("{}: {doing}: {source}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: Box<redb::Error>,
    },
    /// A commit was handed to the disk and failed: it may stand or not.
    #[error("{}: commit: {source}", path.display())]
    Commit {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: Box<redb::Error>,
    },
    /// The file's directory cannot be synced or looked at.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was removed or replaced under the running process: what is written now is lost with it.
    #[error("{}: it was removed or replaced while it is open", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The store was closed, or its thread has ended, before the call began.
    #[error("{}: the store is closed", path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// The store's thread ended in the middle of the call.
    #[error("{}: the store ended during a call", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// No answer by the deadline.
    #[error("{}: no answer in {deadline_ms} ms", path.display())]
    Slow {
        /// The file.
        path: PathBuf,
        /// The deadline in milliseconds.
        deadline_ms: u128,
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
            Self::Storage { .. } | Self::Io { .. } | Self::Closed { .. } | Self::Slow { .. } => {
                Disposition::Retry
            }
            Self::Commit { .. } | Self::Gone { .. } => Disposition::Reconcile,
            Self::InUse { .. } | Self::NewerVersion { .. } | Self::Replaced { .. } | Self::NotAdmitted(_) => {
                Disposition::Reject
            }
            Self::Corrupt { .. } | Self::CorruptValue { .. } => Disposition::Corrupt,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => Code::StoreInUse,
            Self::NewerVersion { .. } => Code::StateVersion,
            Self::Corrupt { .. } | Self::CorruptValue { .. } => Code::StateCorrupt,
            Self::Storage { .. } | Self::Commit { .. } | Self::Io { .. } | Self::Replaced { .. } => {
                Code::StateIo
            }
            Self::Closed { .. } | Self::Gone { .. } | Self::Slow { .. } => Code::StoreUnavailable,
            Self::NotAdmitted(why) => why.code(),
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
