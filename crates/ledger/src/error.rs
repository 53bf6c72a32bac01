//! What a ledger refuses, and what it found.

use velostream_checkpoint::CheckpointId;
use velostream_core::{BatchId, Code, Disposition, Epoch, Nonce, SplitId};

use crate::TaskId;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that cannot be part of a key.
    #[error("task name {name:?} is not [a-z0-9._-]{{1,200}}")]
    TaskName {
        /// The name.
        name: String,
    },
    /// The store failed; the disposition is the store's.
    #[error("{task}: the store failed")]
    Store {
        /// The task.
        task: TaskId,
        /// The store's error.
        source: velostream_core::Error,
    },
    /// A reply was lost and the root could not be read: the call may have been applied.
    #[error("{task}: a reply was lost and the root cannot be read")]
    Unresolved {
        /// The task.
        task: TaskId,
        /// Why it cannot be read.
        source: velostream_core::Error,
    },
    /// Another owner's epoch or nonce stands in the root.
    #[error("{task}: epoch {epoch} was taken over by {owner} with epoch {by}")]
    Fenced {
        /// The task.
        task: TaskId,
        /// The caller's epoch.
        epoch: Epoch,
        /// Epoch that stands.
        by: Epoch,
        /// Nonce that stands.
        nonce: Nonce,
        /// Who claimed it, or `nobody` where it was released.
        owner: String,
    },
    /// This ledger does not hold the task under the caller's epoch: released, never claimed here, or claimed again.
    #[error("{task}: epoch {epoch} is not held")]
    NotHeld {
        /// The task.
        task: TaskId,
        /// The caller's epoch.
        epoch: Epoch,
    },
    /// The root is gone although the task was claimed: the store lost it.
    #[error("{task}: the root is gone")]
    RootMissing {
        /// The task.
        task: TaskId,
    },
    /// Other writers changed the root at every attempt.
    #[error("{task}: the root changed at each of {attempts} attempts")]
    Contended {
        /// The task.
        task: TaskId,
        /// How often it was tried.
        attempts: u32,
    },
    /// A value of the store does not decode.
    #[error("{key}: {what} cannot be read")]
    Undecodable {
        /// Its key.
        key: String,
        /// What it should be.
        what: &'static str,
        /// Why it does not decode.
        source: velostream_checkpoint::Error,
    },
    /// A chunk whose content is not what its key and the root say.
    #[error("{key}: {why}")]
    ChunkDamaged {
        /// Its key.
        key: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The root lists a chunk that the store does not have.
    #[error("{key}: a listed id chunk is missing")]
    ChunkMissing {
        /// Its key.
        key: String,
    },
    /// No listed checkpoint can be read.
    #[error("{task}: none of {listed} listed checkpoints can be read")]
    CheckpointsLost {
        /// The task.
        task: TaskId,
        /// How many are listed.
        listed: usize,
    },
    /// A checkpoint that is not newer than the last.
    #[error("{task}: checkpoint {id} is not newer than {latest}")]
    CheckpointOld {
        /// The task.
        task: TaskId,
        /// The one to be saved.
        id: CheckpointId,
        /// The newest that is kept.
        latest: CheckpointId,
    },
    /// Batches are begun and committed in order, without gaps.
    #[error("{task}: batch {found} came, {expected} is next")]
    BatchOrder {
        /// The task.
        task: TaskId,
        /// The one that came.
        found: BatchId,
        /// The one that is next.
        expected: BatchId,
    },
    /// The batch is open with other content.
    #[error("{task}: batch {batch} is open with other content; confirm or abort it first")]
    BatchOpen {
        /// The task.
        task: TaskId,
        /// The batch.
        batch: BatchId,
    },
    /// The batch was never begun, or aborted.
    #[error("{task}: batch {batch} is not open")]
    BatchNotOpen {
        /// The task.
        task: TaskId,
        /// The batch.
        batch: BatchId,
    },
    /// The batch is committed and cannot be begun, extended or aborted.
    #[error("{task}: batch {batch} is committed")]
    BatchCommitted {
        /// The task.
        task: TaskId,
        /// The batch.
        batch: BatchId,
    },
    /// Too many batches are open.
    #[error("{task}: {limit} batches are open")]
    TooManyOpen {
        /// The task.
        task: TaskId,
        /// The limit.
        limit: usize,
    },
    /// Ids of this task are dated otherwise.
    #[error(
        "{task}: ids that are dated by arrival and ids that are dated by event time cannot stand together"
    )]
    OtherDates {
        /// The task.
        task: TaskId,
    },
    /// A position that is before the one that stands: it would deliver records again.
    #[error("{task}: the position of {split} goes back")]
    PositionBack {
        /// The task.
        task: TaskId,
        /// The split.
        split: SplitId,
    },
    /// The root, a checkpoint or the ids of a batch do not fit into the store.
    #[error("{task}: {found} {what} exceed the store's limit of {limit}")]
    TooLarge {
        /// The task.
        task: TaskId,
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
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Store { source, .. } => source.disposition(),
            Self::Unresolved { .. } => Disposition::Reconcile,
            Self::Contended { .. } => Disposition::Retry,
            Self::Fenced { .. } | Self::NotHeld { .. } | Self::RootMissing { .. } => Disposition::Fenced,
            Self::TaskName { .. }
            | Self::CheckpointOld { .. }
            | Self::BatchOrder { .. }
            | Self::BatchOpen { .. }
            | Self::BatchNotOpen { .. }
            | Self::BatchCommitted { .. }
            | Self::TooManyOpen { .. }
            | Self::OtherDates { .. }
            | Self::PositionBack { .. }
            | Self::TooLarge { .. } => Disposition::Reject,
            Self::Undecodable { source, .. } => source.disposition(),
            Self::ChunkDamaged { .. } | Self::ChunkMissing { .. } | Self::CheckpointsLost { .. } => {
                Disposition::Corrupt
            }
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Store { source, .. } => source.code(),
            Self::Unresolved { .. } | Self::Contended { .. } => Code::StoreUnavailable,
            Self::Fenced { .. } | Self::NotHeld { .. } => Code::StoreFenced,
            Self::RootMissing { .. } | Self::ChunkMissing { .. } | Self::CheckpointsLost { .. } => {
                Code::StateLost
            }
            Self::Undecodable { source, .. } => source.code(),
            Self::ChunkDamaged { .. } => Code::StateCorrupt,
            Self::TooLarge { .. } => Code::StateTooLarge,
            Self::OtherDates { .. } => Code::JobConfigChanged,
            Self::TaskName { .. }
            | Self::CheckpointOld { .. }
            | Self::BatchOrder { .. }
            | Self::BatchOpen { .. }
            | Self::BatchNotOpen { .. }
            | Self::BatchCommitted { .. }
            | Self::TooManyOpen { .. }
            | Self::PositionBack { .. } => Code::Internal,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        Self::new(error.code(), error.disposition(), format!("{error}{why}")).with_source(error)
    }
}
