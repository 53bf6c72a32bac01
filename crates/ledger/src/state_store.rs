//! What the processor sees.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{BatchId, Result, StoreGuarantees};
use velostream_record_id::TrackerKey;

use crate::{Batch, Claimant, Claimed, Commit, LoadedCheckpoint, Ownership, RecordStatus, TaskId, TaskState};

/// What a cleanup removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleanup {
    /// Ids that no longer count.
    pub records: u64,
    /// Keys that were deleted.
    pub deleted: u64,
    /// Keys that are garbage but could not be deleted; [`StateStore::sweep`] finds them again.
    pub left: u64,
}

/// What was forgotten early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// What was removed.
    pub cleanup: Cleanup,
    /// End of the time bucket in milliseconds since the Unix epoch; `None` where no id is left.
    pub until_ms: Option<i64>,
}

/// State of tasks. Travels as `Arc<dyn StateStore>`; calls on one task are served one after the other.
///
/// Every call that takes an [`Ownership`] fails with `Fenced` once another owner has claimed the task, changes nothing
/// then, and may be repeated with the same arguments after any error whose disposition is `Retry` or `Reconcile`.
///
/// # Cancel safety
/// A call that is dropped may have been applied; the next call on the task finds out.
#[async_trait]
pub trait StateStore: Debug + Send + Sync {
    /// Takes a task over, whoever holds it: epoch + 1 and the claimant's nonce. Of several claimants at a time one
    /// wins, the others are `Fenced`.
    ///
    /// # Errors
    /// `Fenced` where another claim came first; `Retry`, `Reconcile`, `Corrupt` of the store.
    async fn claim(&self, task: &TaskId, claimant: &Claimant) -> Result<Claimed>;

    /// Shows life: changes nothing but the lease counter. Not needed while batches are committed.
    ///
    /// # Errors
    /// See the trait.
    async fn renew(&self, ownership: &Ownership) -> Result<()>;

    /// Gives the task back, so that nobody has to wait for the lease. Epoch and nonce stay.
    ///
    /// # Errors
    /// See the trait.
    async fn release(&self, ownership: &Ownership) -> Result<()>;

    /// What the root says now; `None` for a task that was never claimed.
    ///
    /// # Errors
    /// `Retry`, `Corrupt` of the store.
    async fn observe(&self, task: &TaskId) -> Result<Option<TaskState>>;

    /// Writes the intent: positions and ids of the batch become pending.
    ///
    /// # Errors
    /// See the trait; `Reject` where the batch is not the next, goes back, or does not fit.
    ///
    /// # Crash safety
    /// A crash inside leaves the batch open or not begun, and chunks that count for nothing.
    async fn begin_batch_processing(&self, ownership: &Ownership, batch: Batch) -> Result<()>;

    /// Adds ids to an open batch.
    ///
    /// # Errors
    /// See the trait; `Reject` where the batch is not open.
    async fn mark_records_processed(
        &self,
        ownership: &Ownership,
        batch: BatchId,
        record_ids: &[TrackerKey],
    ) -> Result<()>;

    /// Confirms the oldest open batch: its positions are committed and its ids count. One round trip, whatever travels
    /// with it.
    ///
    /// # Errors
    /// See the trait; `Reject` where the batch is not the oldest open one.
    ///
    /// # Crash safety
    /// All of it is applied or nothing.
    async fn commit_batch_processing(&self, ownership: &Ownership, commit: Commit) -> Result<()>;

    /// Forgets an open batch and all that were begun after it.
    ///
    /// # Errors
    /// See the trait; `Reject` where it is committed.
    async fn abort_batch_processing(&self, ownership: &Ownership, batch: BatchId) -> Result<()>;

    /// Whether records were processed after a time in milliseconds since the Unix epoch, or are part of an open batch. The
    /// first call after a claim loads the ids.
    ///
    /// # Errors
    /// `Fenced`; `Corrupt` where a listed chunk is missing or damaged; `Retry` of the store.
    async fn record_status_since(
        &self,
        ownership: &Ownership,
        record_ids: &[TrackerKey],
        expired_ms: i64,
    ) -> Result<Vec<RecordStatus>>;

    /// As [`record_status_since`](Self::record_status_since), however long ago.
    ///
    /// # Errors
    /// As there.
    async fn record_status(
        &self,
        ownership: &Ownership,
        record_ids: &[TrackerKey],
    ) -> Result<Vec<RecordStatus>> {
        self.record_status_since(ownership, record_ids, i64::MIN).await
    }

    /// The latest time of each record, in milliseconds since the Unix epoch, whether its batch is committed or open; `None`
    /// for those that are not there. The first call after a claim loads the ids.
    ///
    /// # Errors
    /// As [`record_status_since`](Self::record_status_since).
    async fn record_times(
        &self,
        ownership: &Ownership,
        record_ids: &[TrackerKey],
    ) -> Result<Vec<Option<i64>>>;

    /// Whether one record was processed; an open batch does not count.
    ///
    /// # Errors
    /// As [`record_status`](Self::record_status).
    async fn is_record_processed(&self, ownership: &Ownership, record_id: &TrackerKey) -> Result<bool>;

    /// Whether a batch is committed.
    ///
    /// # Errors
    /// `Retry`, `Corrupt` of the store.
    async fn batch_is_processed(&self, task: &TaskId, batch: BatchId) -> Result<bool>;

    /// Drops the ids of all time buckets that end at or before a time in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// See the trait.
    async fn cleanup_old_records(&self, ownership: &Ownership, before_ms: i64) -> Result<Cleanup>;

    /// Drops the ids of the oldest time bucket, whether its time has come or not.
    ///
    /// # Errors
    /// See the trait.
    async fn forget_oldest_records(&self, ownership: &Ownership) -> Result<Forgotten>;

    /// Drops all ids and all positions, so that the ids can be rebuilt from the source after the store has lost some. A
    /// position says that the ids in front of it are there: a crash in the middle of rebuilding leaves the rest missing.
    ///
    /// # Errors
    /// See the trait.
    async fn forget_records(&self, ownership: &Ownership) -> Result<Cleanup>;

    /// Deletes what no root refers to: chunks of aborted batches, of commits that conflicted, of crashed owners.
    ///
    /// # Errors
    /// See the trait.
    async fn sweep(&self, ownership: &Ownership) -> Result<Cleanup>;

    /// Saves a checkpoint into the ring; the oldest falls out.
    ///
    /// # Errors
    /// See the trait; `Reject` where it is not newer than the last or does not fit.
    async fn save_checkpoint(&self, ownership: &Ownership, checkpoint: ProcessingCheckpoint) -> Result<()>;

    /// The newest checkpoint that can be read; `None` where none was saved.
    ///
    /// # Errors
    /// `Reject` where the newest is of a later release; `Corrupt` where none can be read; `Retry` of the store.
    async fn load_latest_checkpoint(&self, task: &TaskId) -> Result<Option<LoadedCheckpoint>>;

    /// What the store claims.
    fn guarantees(&self) -> StoreGuarantees;

    /// A cheap round trip, at most `deadline` long.
    ///
    /// # Errors
    /// `Retry` where the store did not answer in time.
    async fn health_check(&self, deadline: Duration) -> Result<()>;
}
