//! Who holds a task, and what a claim found.

use std::collections::BTreeMap;

use velostream_checkpoint::{ActiveBatch, CheckpointId};
use velostream_core::{BatchId, Epoch, InstanceName, Nonce, SourcePosition, SplitId};

use crate::{Dating, TaskId};

/// Who claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// The worker; for people.
    pub owner: InstanceName,
    /// A fresh random value for this claim. Never used twice.
    pub nonce: Nonce,
    /// The highest epoch that the claimant knows from elsewhere, from its own past or from the sink; the new epoch is
    /// above it even if the store went back.
    pub at_least: Epoch,
}

/// Proof of a claim; every call that changes a task takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The task.
    pub task: TaskId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its nonce.
    pub nonce: Nonce,
}

/// What the root says about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Epoch of the last claim.
    pub epoch: Epoch,
    /// Nonce of the last claim.
    pub nonce: Nonce,
    /// The owner; `None` where it released the task.
    pub owner: Option<InstanceName>,
    /// Grows with every change of the root; see [`LeaseWatch`](crate::LeaseWatch).
    pub lease: u64,
    /// The last committed batch, 0 where there is none.
    pub committed: BatchId,
    /// Position next to be read by split, as committed.
    pub positions: BTreeMap<SplitId, SourcePosition>,
    /// Batches that were begun; after a claim each is either confirmed or aborted.
    pub open_batches: Vec<ActiveBatch>,
    /// Ids that count as processed.
    pub tracked_records: u64,
    /// What dates the ids; `None` where there are neither ids nor positions.
    pub dating: Option<Dating>,
    /// The newest checkpoint that is listed.
    pub latest_checkpoint: Option<CheckpointId>,
}

/// A task that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The proof.
    pub ownership: Ownership,
    /// What the new owner goes on from; the owner in it is the claimant.
    pub state: TaskState,
}
