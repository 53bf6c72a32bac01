//! The ids of a task's window, read into memory when somebody asks for one.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use velostream_core::{ConditionalStore, mutant};
use velostream_record_id::TrackerKey;

use super::Ledger;
use crate::chunk::{self, ChunkId};
use crate::held::Held;
use crate::{Error, Ownership, RecordStatus, Result};

/// Chunks read in one call: 1 MiB of ids where chunks are full.
const READ_TOGETHER: usize = 8;

impl<S: ConditionalStore + ?Sized> Ledger<S> {
    /// The task with its root as it stands and all ids that it lists.
    pub(super) async fn loaded(&self, ownership: &Ownership) -> Result<OwnedMutexGuard<Held>> {
        let mut held = self.held(ownership).await?;
        if held.in_doubt() {
            held.refresh(&*self.store).await?;
        }
        self.load_index(&mut held).await?;
        Ok(held)
    }

    pub(super) async fn try_status(
        &self,
        ownership: &Ownership,
        ids: &[TrackerKey],
        expired_ms: i64,
    ) -> Result<Vec<RecordStatus>> {
        let held = self.loaded(ownership).await?;
        Ok(held.index.statuses(&held.root, ids, expired_ms))
    }

    /// Loads what the root lists and the index does not have.
    async fn load_index(&self, held: &mut Held) -> Result<()> {
        let missing = held.index.missing(&held.root);
        for some in missing.chunks(READ_TOGETHER) {
            let keys: Vec<String> =
                some.iter().map(|(run, n)| held.ownership.task.chunk_key(run, *n)).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let read = self.store.read(&keys).await;
            let found = read.map_err(|source| Error::Store { task: held.ownership.task.clone(), source })?;
            for (((run, number), key), found) in some.iter().zip(keys).zip(found) {
                let Some(found) = found else {
                    if mutant!(MissingChunkIsEmpty) {
                        held.index.keep(ChunkId::of(run, *number), Arc::default());
                        continue;
                    }
                    // The root that lists it may be an old one: only the present owner can say that it is lost.
                    held.refresh(&*self.store).await?;
                    return Err(Error::ChunkMissing { key: key.to_owned() });
                };
                let id = ChunkId::of(run, *number);
                let chunk = chunk::decode(key, id, &found.value)?;
                held.index.keep(id, Arc::new(chunk));
            }
        }
        let Held { index, root, .. } = held;
        index.follow(root);
        Ok(())
    }
}
