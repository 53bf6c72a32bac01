//! Ids of one job, packed behind its root in the state store, all of the window in memory.

mod bound;
mod event_time;
mod recovery;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use event_time::EventTime;
use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint};
use velostream_core::{BatchId, Chunk, Clock, Progress, Result, SourcePosition, SplitId};
use velostream_ledger::{Batch, BatchIds, Commit, RecordStatus};
use velostream_record_id::TrackerKey;

use super::task::{Task, taken};
use super::{Deduplication, count, keep, keys, records};
use crate::metrics::LaneMetrics;

/// Exact: the store's owner has all ids of the window in memory, so that no answer is a guess. Ids of the open
/// transaction and of one that is not confirmed yet count as well.
#[derive(Debug)]
pub(super) struct OwnedIds {
    config: Deduplication,
    clock: Arc<dyn Clock>,
    metrics: LaneMetrics,
    task: Task,
    /// Number of the next batch of the task.
    next: BatchId,
    /// The batch that is pending in the store and that the sink is about to commit.
    remembered: Option<BatchId>,
    /// The batch that is pending in the store and that the sink has committed.
    unconfirmed: Option<BatchId>,
    /// Ids of the open transaction, where arrival counts.
    open: HashSet<TrackerKey>,
    /// `Some` where the records' own times say what a duplicate is.
    event_time: Option<EventTime>,
    /// Records of the open transaction that were delivered before.
    filtered: u64,
    /// Ids in the store, pending ones included.
    tracked: u64,
    /// As `Remember`ed last.
    positions: BTreeMap<SplitId, SourcePosition>,
    checkpoint: CheckpointId,
    /// Monotonic times of the last checkpoint and the last cleanup.
    saved_at: Duration,
    cleaned_at: Duration,
}

impl OwnedIds {
    pub(super) fn new(config: Deduplication, clock: Arc<dyn Clock>, metrics: LaneMetrics) -> Self {
        let now = clock.monotonic();
        Self {
            task: Task::new(&config, &clock, &metrics),
            event_time: EventTime::of(&config.window),
            config,
            clock,
            metrics,
            next: BatchId(1),
            remembered: None,
            unconfirmed: None,
            open: HashSet::new(),
            filtered: 0,
            tracked: 0,
            positions: BTreeMap::new(),
            checkpoint: CheckpointId(0),
            saved_at: now,
            cleaned_at: now,
        }
    }

    pub(super) async fn filter(&mut self, mut chunk: Chunk) -> Result<Chunk> {
        let ownership = self.task.ownership()?.clone();
        let records = records(&chunk)?;
        let keys = keys(&self.config, records)?;
        self.metrics.state_operation("status");
        let passes = match self.event_time {
            Some(_) => self.pass_by_event_time(records, &keys).await?,
            None => self.pass_by_arrival(&keys).await?,
        };
        self.filtered = self.filtered.saturating_add(keep(&mut chunk, passes));
        self.keep_bound(&ownership).await?;
        Ok(chunk)
    }

    /// Which records pass: those that were neither delivered inside the window nor are part of the transaction.
    async fn pass_by_arrival(&mut self, keys: &[TrackerKey]) -> Result<Vec<bool>> {
        let (store, expired_ms) = (Arc::clone(&self.config.store), self.expired_ms());
        let statuses =
            store.record_status_since(self.task.ownership()?, keys, expired_ms).await.map_err(taken)?;
        let known = keys.iter().zip(statuses);
        let passes = known.map(|(key, status)| status == RecordStatus::New && self.open.insert(*key));
        Ok(passes.collect())
    }

    /// In one round trip with the confirmation of the transaction before it.
    pub(super) async fn remember(&mut self, progress: &[Progress]) -> Result<()> {
        let ownership = self.task.ownership()?.clone();
        let next = progress.iter().map(|p| (p.split.clone(), p.next.clone()));
        let batch = self.next;
        let record_ids = match &mut self.event_time {
            Some(event_time) => event_time.take_open(),
            None => BatchIds::Arrived(self.open.drain().collect()),
        };
        let ids = count(record_ids.len());
        let begin = Batch { batch, next_positions: next.clone().collect(), record_ids };
        let store = Arc::clone(&self.config.store);
        match self.unconfirmed.take() {
            Some(before) => {
                let commit = self.with_checkpoint(Commit::of(before).and_begin(begin));
                self.metrics.state_operation("commit");
                store.commit_batch_processing(&ownership, commit).await.map_err(taken)?;
            }
            None => {
                self.metrics.state_operation("begin");
                store.begin_batch_processing(&ownership, begin).await.map_err(taken)?;
            }
        }
        self.task.changed();
        self.positions.extend(next);
        self.metrics.remembered(self.clock.unix_ms());
        self.remembered = Some(batch);
        self.next = batch.next();
        self.tracked = self.tracked.saturating_add(ids);
        self.metrics.tracked(self.tracked);
        self.clean_up_if_due(&ownership).await
    }

    pub(super) fn committed(&mut self) -> u64 {
        self.unconfirmed = self.remembered.take();
        let filtered = std::mem::take(&mut self.filtered);
        self.metrics.filtered(filtered);
        if let Some(event_time) = &mut self.event_time {
            event_time.committed();
            self.metrics.event_time(event_time.take_late(), event_time.latest_ms());
        }
        filtered
    }

    pub(super) async fn confirm(&mut self) -> Result<()> {
        let ownership = self.task.ownership()?.clone();
        if let Some(batch) = self.unconfirmed.take() {
            let commit = self.with_checkpoint(Commit::of(batch));
            self.metrics.state_operation("commit");
            self.config.store.commit_batch_processing(&ownership, commit).await.map_err(taken)?;
        }
        Ok(())
    }

    pub(super) async fn release(&mut self) {
        self.task.release().await;
    }

    /// What has this time or an earlier one has left the window, and may leave the store.
    fn expired_ms(&self) -> i64 {
        match &self.event_time {
            Some(event_time) => event_time.expired_ms(),
            None => self.config.window.expired_ms(self.clock.unix_ms()),
        }
    }

    fn with_checkpoint(&mut self, commit: Commit) -> Commit {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.saved_at) < self.config.checkpoint_interval {
            return commit;
        }
        self.saved_at = now;
        self.checkpoint = self.checkpoint.next();
        self.metrics.checkpoint_created(self.clock.unix_ms());
        let mut checkpoint = ProcessingCheckpoint::new(self.checkpoint, self.clock.unix_ms());
        checkpoint.source_positions = self.positions.clone();
        commit.and_save(checkpoint)
    }
}
