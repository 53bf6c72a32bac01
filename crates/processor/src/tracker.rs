//! Which records were delivered before: the lane's side of the state store.
//!
//! The methods are the effects of the job machine that concern ids; what is done when is decided there and in
//! [`settle`](velostream_protocol::job::settle).

mod bound;
mod deduplication;
mod event_time;
mod keep_alive;
mod recovery;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

pub use deduplication::{Deduplication, DeduplicationTime, OnIdLoss, OnTrackingLimit, Window};
use event_time::EventTime;
use keep_alive::KeepAlive;
use tracing::warn;
use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint};
use velostream_core::{
    BatchId, Chunk, Clock, Code, Disposition, Epoch, Error, Payload, Progress, Result, SourcePosition,
    SplitId, StreamRecord,
};
use velostream_ledger::{Batch, BatchIds, Commit, Ownership, RecordStatus};
use velostream_record_id::{RecordIdentifier, TrackerKey};

use crate::metrics::LaneMetrics;

/// Filters what was delivered before, and keeps in the state store what is delivered now.
///
/// Exact: the store's owner has all ids of the window in memory, so that no answer is a guess. Ids of the open
/// transaction and of one that is not confirmed yet count as well.
#[derive(Debug)]
pub struct ProcessedRecordTracker {
    config: Deduplication,
    clock: Arc<dyn Clock>,
    metrics: LaneMetrics,
    /// Of the task; `None` until the first recovery.
    ownership: Option<Ownership>,
    keep_alive: Option<KeepAlive>,
    /// Claims of the task by this process.
    claims: Epoch,
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

impl ProcessedRecordTracker {
    /// A tracker that has not asked its store yet.
    #[must_use]
    pub fn new(config: Deduplication, clock: Arc<dyn Clock>, metrics: LaneMetrics) -> Self {
        let now = clock.monotonic();
        metrics.ids_are_tracked(&config);
        Self {
            event_time: EventTime::of(&config.window),
            config,
            clock,
            metrics,
            ownership: None,
            keep_alive: None,
            claims: Epoch(0),
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

    /// `Write`: the chunk without the records that were delivered before, in this very chunk and transaction or in an
    /// earlier one.
    ///
    /// # Errors
    /// `Reject` where a record has no id, or where the bound of ids is reached and the job says to stop; as the store.
    pub async fn filter(&mut self, mut chunk: Chunk) -> Result<Chunk> {
        let ownership = self.ownership()?.clone();
        let Payload::Records { records, .. } = &mut chunk.payload else {
            let what = "a chunk that was not decoded reached the tracker";
            return Err(Error::new(Code::Internal, Disposition::Corrupt, what));
        };
        let keys = self.keys(records)?;
        self.metrics.state_operation("status");
        let passes = match self.event_time {
            Some(_) => self.pass_by_event_time(records, &keys).await?,
            None => self.pass_by_arrival(&keys).await?,
        };
        let before = records.len();
        let mut passes = passes.into_iter();
        records.retain(|_| passes.next().unwrap_or(false));
        let kept = records.len();
        chunk.records = count(kept);
        self.filtered = self.filtered.saturating_add(count(before.saturating_sub(kept)));
        self.keep_bound(&ownership).await?;
        Ok(chunk)
    }

    /// Which records pass: those that were neither delivered inside the window nor are part of the transaction.
    async fn pass_by_arrival(&mut self, keys: &[TrackerKey]) -> Result<Vec<bool>> {
        let (store, expired_ms) = (Arc::clone(&self.config.store), self.expired_ms());
        let statuses = store.record_status_since(self.ownership()?, keys, expired_ms).await.map_err(taken)?;
        let known = keys.iter().zip(statuses);
        let passes = known.map(|(key, status)| status == RecordStatus::New && self.open.insert(*key));
        Ok(passes.collect())
    }

    /// `Remember`: makes the ids of the open transaction durable as pending, in one round trip with the confirmation
    /// of the transaction before it.
    ///
    /// # Errors
    /// As the store; nothing is known then before the next recovery.
    pub async fn remember(&mut self, progress: &[Progress]) -> Result<()> {
        let ownership = self.ownership()?.clone();
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
        if let Some(keep_alive) = &self.keep_alive {
            keep_alive.changed();
        }
        self.positions.extend(next);
        self.metrics.remembered(self.clock.unix_ms());
        self.remembered = Some(batch);
        self.next = batch.next();
        self.tracked = self.tracked.saturating_add(ids);
        self.metrics.tracked(self.tracked);
        self.clean_up_if_due(&ownership).await
    }

    /// The sink has committed what was remembered. Returns the records of that transaction that were filtered.
    pub fn committed(&mut self) -> u64 {
        self.unconfirmed = self.remembered.take();
        let filtered = std::mem::take(&mut self.filtered);
        self.metrics.filtered(filtered);
        if let Some(event_time) = &mut self.event_time {
            event_time.committed();
            self.metrics.event_time(event_time.take_late(), event_time.latest_ms());
        }
        filtered
    }

    /// `Confirm`: the remembered batch counts.
    ///
    /// # Errors
    /// As the store.
    pub async fn confirm(&mut self) -> Result<()> {
        let ownership = self.ownership()?.clone();
        if let Some(batch) = self.unconfirmed.take() {
            let commit = self.with_checkpoint(Commit::of(batch));
            self.metrics.state_operation("commit");
            self.config.store.commit_batch_processing(&ownership, commit).await.map_err(taken)?;
        }
        Ok(())
    }

    /// `Finish`: gives the task back. Only for whoever looks at the store: the next owner needs no leave.
    pub async fn release(&mut self) {
        self.keep_alive = None;
        let Some(ownership) = self.ownership.take() else { return };
        if let Err(error) = self.config.store.release(&ownership).await {
            warn!(%error, "the task in the state store could not be given back; the next worker takes it over");
        }
    }

    /// What has this time or an earlier one has left the window, and may leave the store.
    fn expired_ms(&self) -> i64 {
        if let Some(event_time) = &self.event_time {
            return event_time.expired_ms();
        }
        let length = i64::try_from(self.config.window.length.as_millis()).unwrap_or(i64::MAX);
        self.clock.unix_ms().saturating_sub(length)
    }

    fn keys(&self, records: &[StreamRecord]) -> Result<Vec<TrackerKey>> {
        let key = |record| Ok(self.config.strategy.generate_id(record)?.tracker_key());
        records.iter().map(key).collect()
    }

    fn ownership(&self) -> Result<&Ownership> {
        self.ownership.as_ref().ok_or_else(|| {
            Error::new(Code::Internal, Disposition::Corrupt, "ids are asked for before they were recovered")
        })
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

/// A task that somebody else has taken is not waited for: no newer assignment gives it back.
fn taken(error: Error) -> Error {
    if error.disposition() != Disposition::Fenced {
        return error;
    }
    let what = format!("another process has taken the state of this job over: {error}");
    Error::new(Code::StoreFenced, Disposition::Reject, what)
        .with_remedy("Stop the other process: ids of one job belong to one worker.")
        .with_source(error)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
