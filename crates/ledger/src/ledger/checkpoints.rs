//! The ring of checkpoints of a task.

use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{ConditionalStore, Disposition};

use super::Ledger;
use crate::{Error, LoadedCheckpoint, Ownership, Result, TaskId, ring};

impl<S: ConditionalStore + ?Sized> Ledger<S> {
    pub(super) async fn try_save(
        &self,
        ownership: &Ownership,
        checkpoint: &ProcessingCheckpoint,
    ) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let (task, slots) = (&ownership.task, self.config.checkpoint_slots);
        let (slot, put) = held.place(&*self.store, checkpoint)?;
        let before = held.root.checkpoints.clone();
        held.change(&*self.store, &[put], |root| ring::push(task, root, slot, slots)).await?;
        self.drop_old_checkpoints(task, &before, &held.root).await;
        Ok(())
    }

    pub(super) async fn try_load(&self, task: &TaskId) -> Result<Option<LoadedCheckpoint>> {
        let Some((root, _)) = self.read_root(task).await? else { return Ok(None) };
        let mut skipped = Vec::new();
        for slot in root.checkpoints.iter().rev() {
            let key = task.checkpoint_key(slot);
            let read = self.store.read(&[&key]).await;
            let found = read.map_err(|source| Error::Store { task: task.clone(), source })?;
            let Some(found) = found.into_iter().next().flatten() else {
                skipped.push(Error::ChunkMissing { key }.into());
                continue;
            };
            match velostream_checkpoint::decode(&found.value) {
                Ok(checkpoint) => return Ok(Some(LoadedCheckpoint { checkpoint, skipped })),
                // Falling back behind a later release would undo what it did.
                Err(source) if source.disposition() == Disposition::Reject => {
                    return Err(Error::Undecodable { key, what: "a checkpoint", source });
                }
                Err(source) => skipped.push(source.at(&key)),
            }
        }
        match root.checkpoints.len() {
            0 => Ok(None),
            listed => Err(Error::CheckpointsLost { task: task.clone(), listed }),
        }
    }
}
