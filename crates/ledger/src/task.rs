//! The unit of ownership and its keys.

use std::fmt;
use std::sync::Arc;

use velostream_checkpoint::IdChunks;

use crate::ring::CheckpointRef;
use crate::{Error, Result};

/// Longest task name in bytes; leaves room for the longest key behind it.
const MAX_NAME_BYTES: usize = 200;

/// Name of a task: what has one root. One task per worker lane covers all its splits. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// Checks a name: `[a-z0-9._-]`, 1 to 200 bytes. Without `/`, so that no task's keys are below another's.
    ///
    /// # Errors
    /// `TaskName` -> Reject.
    pub fn new(name: &str) -> Result<Self> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        match (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
            true => Ok(Self(name.into())),
            false => Err(Error::TaskName { name: name.to_owned() }),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn root_key(&self) -> String {
        format!("{self}/root")
    }

    /// Prefix of everything that a root refers to.
    pub(crate) fn objects_prefix(&self) -> String {
        format!("{self}/o/")
    }

    /// Key of one chunk of a run. Epoch and nonce are part of it: no two owners ever write one key.
    pub(crate) fn chunk_key(&self, run: &IdChunks, number: u64) -> String {
        format!("{self}/o/ids/{:016x}/{:016x}-{:016x}-{number:016x}", run.bucket, run.epoch.0, run.nonce.0)
    }

    pub(crate) fn checkpoint_key(&self, slot: &CheckpointRef) -> String {
        let CheckpointRef { id, epoch, nonce, number } = slot;
        format!("{self}/o/checkpoint/{:016x}-{:016x}-{:016x}-{number:016x}", id.0, epoch.0, nonce.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
