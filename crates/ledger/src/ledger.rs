//! [`StateStore`] over any [`ConditionalStore`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use velostream_checkpoint::{IdChunks, ProcessingCheckpoint};
use velostream_core::{
    BatchId, Clock, ConditionalStore, Disposition, Outcome, Result as CoreResult, RootVersion, RootWrite,
    StoreGuarantees, mutant,
};
use velostream_record_id::TrackerKey;

use crate::chunk::{self, ChunkId};
use crate::held::Held;
use crate::ring::CheckpointRef;
use crate::root::Root;
use crate::{
    Batch, Claimant, Claimed, Cleanup, Commit, Error, Forgotten, LedgerConfig, LoadedCheckpoint, Ownership,
    RecordStatus, Result, StateStore, TaskId, TaskState, change, ring,
};

/// Chunks read in one call: 1 MiB of ids where chunks are full.
const READ_TOGETHER: usize = 8;

/// Keys deleted or listed in one call.
const PAGE: usize = 100;

/// How often a claim is tried while the present owner works on.
const CLAIM_ATTEMPTS: u32 = 32;

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

    async fn try_claim(&self, task: &TaskId, claimant: &Claimant) -> Result<Claimed> {
        let failed = |source| Error::Store { task: task.clone(), source };
        let mut base = None;
        // An attempt whose reply was lost: from then on nothing is certainly not applied.
        let mut doubt = false;
        for _ in 0..CLAIM_ATTEMPTS {
            let read = self.read_root(task).await;
            let (root, expected) = match read {
                Ok(found) => found.map_or((Root::new(), None), |(root, version)| (root, Some(version))),
                Err(Error::Store { source, .. }) if doubt && source.disposition() == Disposition::Retry => {
                    return Err(Error::Unresolved { task: task.clone(), source });
                }
                Err(error) => return Err(error),
            };
            if let Some(version) = expected
                && root.nonce == claimant.nonce
                && root.owner.is_some()
            {
                // An earlier attempt was applied and its reply lost.
                return Ok(self.hold(task, claimant, root, version));
            }
            let first_seen = *base.get_or_insert((root.epoch, root.nonce));
            if first_seen != (root.epoch, root.nonce) && !mutant!(ClaimOverNewerClaim) {
                let owner = root.owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
                let by = root.epoch;
                return Err(Error::Fenced {
                    task: task.clone(),
                    epoch: first_seen.0,
                    by,
                    nonce: root.nonce,
                    owner,
                });
            }
            let next = Root {
                epoch: root.epoch.max(claimant.at_least).next(),
                nonce: claimant.nonce,
                owner: Some(claimant.owner.clone()),
                lease: root.lease.saturating_add(1),
                ..root
            };
            let write = RootWrite { key: task.root_key(), expected, value: next.encode(task)? };
            match self.store.commit(&[], write).await {
                Ok(Outcome::Applied(version)) => return Ok(self.hold(task, claimant, next, version)),
                Ok(Outcome::Conflict(_)) => {}
                Err(error) if error.disposition() == Disposition::Reconcile => doubt = true,
                Err(source) if doubt && source.disposition() == Disposition::Retry => {
                    return Err(Error::Unresolved { task: task.clone(), source });
                }
                Err(source) => return Err(failed(source)),
            }
        }
        Err(Error::Contended { task: task.clone(), attempts: CLAIM_ATTEMPTS })
    }

    fn hold(&self, task: &TaskId, claimant: &Claimant, root: Root, version: RootVersion) -> Claimed {
        let ownership = Ownership { task: task.clone(), epoch: root.epoch, nonce: claimant.nonce };
        let state = root.state();
        let mut tasks = self.tasks();
        // A claim that is repeated keeps what it has, above all the number of its next chunk.
        if tasks.get(task).is_none_or(|entry| entry.ownership != ownership) {
            let held = Arc::new(AsyncMutex::new(Held::new(ownership.clone(), root, version)));
            tasks.insert(task.clone(), Entry { ownership: ownership.clone(), held });
        }
        drop(tasks);
        Claimed { ownership, state }
    }

    async fn try_release(&self, ownership: &Ownership) -> Result<()> {
        let mut held = self.claimed(ownership).await?;
        let release = |root: &Root| Ok(root.owner.is_some().then(|| Root { owner: None, ..root.clone() }));
        held.change(&*self.store, &[], release).await?;
        held.let_go();
        Ok(())
    }

    async fn try_renew(&self, ownership: &Ownership) -> Result<()> {
        let mut held = self.held(ownership).await?;
        touch(&mut held, &*self.store).await
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

    /// The task with its root as it stands and all ids that it lists.
    async fn loaded(&self, ownership: &Ownership) -> Result<OwnedMutexGuard<Held>> {
        let mut held = self.held(ownership).await?;
        if held.in_doubt() {
            held.refresh(&*self.store).await?;
        }
        self.load_index(&mut held).await?;
        Ok(held)
    }

    async fn try_status(
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

    async fn try_forget_oldest(&self, ownership: &Ownership) -> Result<Forgotten> {
        let oldest = self.held(ownership).await?.root.live.iter().map(|run| run.bucket).min();
        let Some(oldest) = oldest else { return Ok(Forgotten::default()) };
        let below = oldest.saturating_add(1);
        let cleanup = self.try_expire(ownership, below).await?;
        Ok(Forgotten { cleanup, until_ms: i64::try_from(below).ok() })
    }

    async fn try_expire(&self, ownership: &Ownership, below: u64) -> Result<Cleanup> {
        self.try_drop(ownership, below, |root| change::expire(root, below)).await
    }

    async fn try_drop(
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

    async fn try_sweep(&self, ownership: &Ownership) -> Result<Cleanup> {
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

    async fn try_save(&self, ownership: &Ownership, checkpoint: &ProcessingCheckpoint) -> Result<()> {
        let mut held = self.held(ownership).await?;
        let (task, slots) = (&ownership.task, self.config.checkpoint_slots);
        let (slot, put) = held.place(&*self.store, checkpoint)?;
        let before = held.root.checkpoints.clone();
        held.change(&*self.store, &[put], |root| ring::push(task, root, slot, slots)).await?;
        self.drop_old_checkpoints(task, &before, &held.root).await;
        Ok(())
    }

    async fn try_load(&self, task: &TaskId) -> Result<Option<LoadedCheckpoint>> {
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

    /// Deletes the checkpoints that fell out of the ring; what is left is swept later.
    async fn drop_old_checkpoints(&self, task: &TaskId, before: &[CheckpointRef], after: &Root) {
        let gone = before.iter().filter(|slot| !after.checkpoints.contains(slot));
        let keys: Vec<String> = gone.map(|slot| task.checkpoint_key(slot)).collect();
        self.delete(keys).await;
    }

    /// Deletes garbage; an error leaves it where it is.
    async fn delete(&self, keys: Vec<String>) -> Cleanup {
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

/// Writes the root with nothing changed but its lease.
async fn touch<S: ConditionalStore + ?Sized>(held: &mut Held, store: &S) -> Result<()> {
    let before = held.root.lease;
    held.change(store, &[], |root| Ok((root.lease <= before).then(|| root.clone()))).await
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
