//! [`StateStore`] over any [`ConditionalStore`].

mod checkpoints;
mod claim;
mod garbage;
mod ids;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{BatchId, Clock, ConditionalStore, Result as CoreResult, RootVersion, StoreGuarantees};
use velostream_record_id::TrackerKey;

use crate::held::Held;
use crate::root::Root;
use crate::{
    Batch, Claimant, Claimed, Cleanup, Commit, Error, Forgotten, LedgerConfig, LoadedCheckpoint, Ownership,
    RecordStatus, Result, StateStore, TaskId, TaskState, change, ring,
};

/// The last claim of a task by this process.
#[derive(Debug)]
struct Entry {
    ownership: Ownership,
    held: Arc<AsyncMutex<Held>>,
}

/// A [`StateStore`] over a conditional store. Share it as `Arc<dyn StateStore>`.
#[derive(Debug)]
pub struct Ledger<S: ?Sized> {
    config: LedgerConfig,
    clock: Arc<dyn Clock>,
    tasks: Mutex<BTreeMap<TaskId, Entry>>,
    store: Arc<S>,
}

impl<S: ConditionalStore + ?Sized> Ledger<S> {
    /// A ledger over `store`. The clock dates ids; nothing else depends on it.
    #[must_use]
    pub fn new(store: Arc<S>, clock: Arc<dyn Clock>, config: LedgerConfig) -> Self {
        Self { config, clock, tasks: Mutex::default(), store }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<TaskId, Entry>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task, if this ledger holds it under this ownership.
    async fn held(&self, ownership: &Ownership) -> Result<OwnedMutexGuard<Held>> {
        let held = self.claimed(ownership).await?;
        match held.is_released() {
            false => Ok(held),
            true => Err(Error::NotHeld { task: ownership.task.clone(), epoch: ownership.epoch }),
        }
    }

    /// As [`held`](Self::held), also where it was given back since.
    async fn claimed(&self, ownership: &Ownership) -> Result<OwnedMutexGuard<Held>> {
        let held = {
            let tasks = self.tasks();
            let entry = tasks.get(&ownership.task).filter(|entry| entry.ownership == *ownership);
            entry.map(|entry| Arc::clone(&entry.held))
        };
        match held {
            Some(held) => Ok(held.lock_owned().await),
            None => Err(Error::NotHeld { task: ownership.task.clone(), epoch: ownership.epoch }),
        }
    }

    async fn read_root(&self, task: &TaskId) -> Result<Option<(Root, RootVersion)>> {
        let read = self.store.read(&[&task.root_key()]).await;
        let found = read.map_err(|source| Error::Store { task: task.clone(), source })?;
        let Some(found) = found.into_iter().next().flatten() else { return Ok(None) };
        Ok(Some((Root::decode(task, &found.value)?, found.version)))
    }

    async fn try_begin(&self, ownership: &Ownership, batch: Batch) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let next = held.prepare(&*self.store, &self.config, self.clock.unix_ms(), batch)?;
        let task = &ownership.task;
        held.change(&*self.store, &next.puts, |root| change::begin(task, root, &next.open, next.dating)).await
    }

    async fn try_mark(&self, ownership: &Ownership, batch: BatchId, ids: &[TrackerKey]) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let task = &ownership.task;
        let ids = ids.to_vec().into();
        let packed = held.pack(&*self.store, &self.config, self.clock.unix_ms(), batch, ids)?;
        // Dated by arrival: one run.
        let Some(run) = packed.runs.first() else {
            return held.change(&*self.store, &[], |_| Ok(None)).await;
        };
        held.change(&*self.store, &packed.puts, |root| change::mark(task, root, batch, run)).await
    }

    async fn try_commit(&self, ownership: &Ownership, commit: Commit) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let (task, slots) = (&ownership.task, self.config.checkpoint_slots);
        let Commit { batch, begin, checkpoint } = commit;
        let mut puts = Vec::new();
        let mut open = None;
        if let Some(begin) = begin {
            let next = held.prepare(&*self.store, &self.config, self.clock.unix_ms(), begin)?;
            open = Some((next.open, next.dating));
            puts.extend(next.puts);
        }
        let mut slot = None;
        if let Some(checkpoint) = checkpoint {
            let (place, put) = held.place(&*self.store, &checkpoint)?;
            slot = Some(place);
            puts.push(put);
        }
        let before = held.root.checkpoints.clone();
        held.change(&*self.store, &puts, |root| {
            let mut next = change::commit(task, root, batch)?;
            if let Some((open, dating)) = &open {
                next = change::begin(task, next.as_ref().unwrap_or(root), open, *dating)?.or(next);
            }
            if let Some(slot) = slot {
                next = ring::push(task, next.as_ref().unwrap_or(root), slot, slots)?.or(next);
            }
            Ok(next)
        })
        .await?;
        held.settle();
        self.drop_old_checkpoints(task, &before, &held.root).await;
        Ok(())
    }

    async fn try_abort(&self, ownership: &Ownership, batch: BatchId) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let task = &ownership.task;
        held.change(&*self.store, &[], |root| change::abort(task, root, batch)).await?;
        held.settle();
        Ok(())
    }
}

#[async_trait]
impl<S: ConditionalStore + ?Sized> StateStore for Ledger<S> {
    async fn claim(&self, task: &TaskId, claimant: &Claimant) -> CoreResult<Claimed> {
        Ok(self.try_claim(task, claimant).await?)
    }

    async fn renew(&self, ownership: &Ownership) -> CoreResult<()> {
        Ok(self.try_renew(ownership).await?)
    }

    async fn release(&self, ownership: &Ownership) -> CoreResult<()> {
        Ok(self.try_release(ownership).await?)
    }

    async fn observe(&self, task: &TaskId) -> CoreResult<Option<TaskState>> {
        Ok(self.read_root(task).await?.map(|(root, _)| root.state()))
    }

    async fn begin_batch_processing(&self, ownership: &Ownership, batch: Batch) -> CoreResult<()> {
        Ok(self.try_begin(ownership, batch).await?)
    }

    async fn mark_records_processed(
        &self,
        ownership: &Ownership,
        batch: BatchId,
        record_ids: &[TrackerKey],
    ) -> CoreResult<()> {
        Ok(self.try_mark(ownership, batch, record_ids).await?)
    }

    async fn commit_batch_processing(&self, ownership: &Ownership, commit: Commit) -> CoreResult<()> {
        Ok(self.try_commit(ownership, commit).await?)
    }

    async fn abort_batch_processing(&self, ownership: &Ownership, batch: BatchId) -> CoreResult<()> {
        Ok(self.try_abort(ownership, batch).await?)
    }

    async fn record_status_since(
        &self,
        ownership: &Ownership,
        record_ids: &[TrackerKey],
        expired_ms: i64,
    ) -> CoreResult<Vec<RecordStatus>> {
        Ok(self.try_status(ownership, record_ids, expired_ms).await?)
    }

    async fn record_times(
        &self,
        ownership: &Ownership,
        record_ids: &[TrackerKey],
    ) -> CoreResult<Vec<Option<i64>>> {
        let held = self.loaded(ownership).await?;
        Ok(held.index.times(&held.root, record_ids))
    }

    async fn is_record_processed(&self, ownership: &Ownership, record_id: &TrackerKey) -> CoreResult<bool> {
        let status = self.try_status(ownership, &[*record_id], i64::MIN).await?;
        Ok(status.contains(&RecordStatus::Processed))
    }

    async fn batch_is_processed(&self, task: &TaskId, batch: BatchId) -> CoreResult<bool> {
        Ok(self.read_root(task).await?.is_some_and(|(root, _)| batch <= root.committed))
    }

    async fn cleanup_old_records(&self, ownership: &Ownership, before_ms: i64) -> CoreResult<Cleanup> {
        // A bucket is named by its last millisecond: it is old when that is before the time.
        Ok(self.try_expire(ownership, u64::try_from(before_ms).unwrap_or(0)).await?)
    }

    async fn forget_records(&self, ownership: &Ownership) -> CoreResult<Cleanup> {
        Ok(self.try_drop(ownership, u64::MAX, change::forget).await?)
    }

    async fn forget_oldest_records(&self, ownership: &Ownership) -> CoreResult<Forgotten> {
        Ok(self.try_forget_oldest(ownership).await?)
    }

    async fn sweep(&self, ownership: &Ownership) -> CoreResult<Cleanup> {
        Ok(self.try_sweep(ownership).await?)
    }

    async fn save_checkpoint(
        &self,
        ownership: &Ownership,
        checkpoint: ProcessingCheckpoint,
    ) -> CoreResult<()> {
        Ok(self.try_save(ownership, &checkpoint).await?)
    }

    async fn load_latest_checkpoint(&self, task: &TaskId) -> CoreResult<Option<LoadedCheckpoint>> {
        Ok(self.try_load(task).await?)
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn health_check(&self, deadline: Duration) -> CoreResult<()> {
        self.store.health_check(deadline).await
    }
}
