//! Ids that are forgotten, and objects that no root lists any more.

use std::collections::BTreeSet;

use velostream_checkpoint::IdChunks;
use velostream_core::ConditionalStore;

use super::Ledger;
use super::claim::touch;
use crate::ring::CheckpointRef;
use crate::root::Root;
use crate::{Cleanup, Error, Forgotten, Ownership, Result, TaskId, change};

/// Keys deleted or listed in one call.
const PAGE: usize = 100;

impl<S: ConditionalStore + ?Sized> Ledger<S> {
    pub(super) async fn try_forget_oldest(&self, ownership: &Ownership) -> Result<Forgotten> {
        let oldest = self.held(ownership).await?.root.live.iter().map(|run| run.bucket).min();
        let Some(oldest) = oldest else { return Ok(Forgotten::default()) };
        let below = oldest.saturating_add(1);
        let cleanup = self.try_expire(ownership, below).await?;
        Ok(Forgotten { cleanup, until_ms: i64::try_from(below).ok() })
    }

    pub(super) async fn try_expire(&self, ownership: &Ownership, below: u64) -> Result<Cleanup> {
        self.try_drop(ownership, below, |root| change::expire(root, below)).await
    }

    pub(super) async fn try_drop(
        &self,
        ownership: &Ownership,
        below: u64,
        change: impl Fn(&Root) -> Option<Root>,
    ) -> Result<Cleanup> {
        let mut held = self.held(ownership).await?;
        let before = held.root.live.clone();
        held.change(&*self.store, &[], |root| Ok(change(root))).await?;
        let dropped: Vec<IdChunks> = before.into_iter().filter(|run| run.bucket < below).collect();
        held.settle();
        let task = &ownership.task;
        let keys = dropped.iter().flat_map(|run| (run.first..=run.last).map(|n| task.chunk_key(run, n)));
        let mut cleanup = self.delete(keys.collect()).await;
        cleanup.records = dropped.iter().fold(0, |sum: u64, run| sum.saturating_add(run.records));
        Ok(cleanup)
    }

    pub(super) async fn try_sweep(&self, ownership: &Ownership) -> Result<Cleanup> {
        let mut held = self.held(ownership).await?;
        let task = &ownership.task;
        // From here no write that was on its way can list anything any more: its version is gone.
        touch(&mut held, &*self.store).await?;
        let root = &held.root;
        let pending = root.pending.iter().flat_map(|open| &open.record_ids);
        let runs = root.live.iter().chain(pending);
        let listed = runs.flat_map(|run| (run.first..=run.last).map(|n| task.chunk_key(run, n)));
        let listed: BTreeSet<String> =
            listed.chain(root.checkpoints.iter().map(|slot| task.checkpoint_key(slot))).collect();
        let mut cleanup = Cleanup::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&task.objects_prefix(), after.as_deref(), PAGE).await;
            let page = page.map_err(|source| Error::Store { task: task.clone(), source })?;
            let Some(last) = page.last().cloned() else { return Ok(cleanup) };
            let garbage = page.into_iter().filter(|key| !listed.contains(key)).collect();
            let deleted = self.delete(garbage).await;
            cleanup.deleted = cleanup.deleted.saturating_add(deleted.deleted);
            cleanup.left = cleanup.left.saturating_add(deleted.left);
            after = Some(last);
        }
    }

    /// Deletes the checkpoints that fell out of the ring; what is left is swept later.
    pub(super) async fn drop_old_checkpoints(&self, task: &TaskId, before: &[CheckpointRef], after: &Root) {
        let gone = before.iter().filter(|slot| !after.checkpoints.contains(slot));
        let keys: Vec<String> = gone.map(|slot| task.checkpoint_key(slot)).collect();
        self.delete(keys).await;
    }

    /// Deletes garbage; an error leaves it where it is.
    pub(super) async fn delete(&self, keys: Vec<String>) -> Cleanup {
        let mut cleanup = Cleanup::default();
        for page in keys.chunks(PAGE) {
            let count = u64::try_from(page.len()).unwrap_or(u64::MAX);
            let page: Vec<&str> = page.iter().map(String::as_str).collect();
            match self.store.delete(&page).await {
                Ok(()) => cleanup.deleted = cleanup.deleted.saturating_add(count),
                Err(_) => cleanup.left = cleanup.left.saturating_add(count),
            }
        }
        cleanup
    }
}
