//! The ring of checkpoints: the root lists the newest N, each under a key of its own.

use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint};
use velostream_core::{Epoch, Nonce};

use crate::root::Root;
use crate::{Error, Result, TaskId};

/// A checkpoint that the root lists. The number tells attempts of one owner apart, so that no key is written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointRef {
    pub(crate) id: CheckpointId,
    pub(crate) epoch: Epoch,
    pub(crate) nonce: Nonce,
    pub(crate) number: u64,
}

/// A checkpoint as it was found.
#[derive(Debug)]
pub struct LoadedCheckpoint {
    /// The newest that can be read.
    pub checkpoint: ProcessingCheckpoint,
    /// Why newer ones could not be read; empty in peace. Worth a warning: the task replays more than it had to.
    pub skipped: Vec<velostream_core::Error>,
}

/// The root with a checkpoint more; `None` where it is listed already.
pub(crate) fn push(task: &TaskId, root: &Root, slot: CheckpointRef, slots: usize) -> Result<Option<Root>> {
    if root.checkpoints.last() == Some(&slot) {
        return Ok(None);
    }
    if let Some(latest) = root.checkpoints.last().map(|last| last.id)
        && slot.id <= latest
    {
        return Err(Error::CheckpointOld { task: task.clone(), id: slot.id, latest });
    }
    let mut root = root.clone();
    root.checkpoints.push(slot);
    let surplus = root.checkpoints.len().saturating_sub(slots.max(1));
    root.checkpoints.drain(..surplus);
    Ok(Some(root))
}
