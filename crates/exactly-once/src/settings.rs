//! From the job file to the settings of each part: which field feeds which, and nothing else.

#[cfg(feature = "store-dynamodb")]
pub mod dynamodb;
#[cfg(feature = "connector-file")]
pub mod file;
#[cfg(feature = "connector-kafka")]
pub mod kafka;
#[cfg(feature = "store-postgres")]
pub mod postgres;
#[cfg(feature = "store-redis")]
pub mod redis;
pub(crate) mod state_store;

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{InstanceName, Nonce};
use velostream_ledger::{StateStore, TaskId};
use velostream_processor::{
    self as processor, Backoff, Deduplication, Sharing, Transactions, Window, WorkerConfig,
};
use velostream_record_id::RecordIdStrategy;

use crate::config::{DeduplicationTime, JobFile, OnIdLoss, OnTrackingLimit, PassThrough, Source};

/// After how long without a sign of life the owner of a job's state counts as gone, where a store is shared by hosts. Measured
/// by whoever waits, on a clock of its own.
pub const LEASE: Duration = Duration::from_secs(9);

/// Settings of the worker; `bounded` ends it where every split has reached its end. A job over files that it does
/// not follow ends there in any case.
#[must_use]
pub fn worker(job: &JobFile, bounded: bool) -> WorkerConfig {
    let ends_by_itself = matches!(&job.source, Source::File(source) if !source.follow);
    let exactly_once = &job.exactly_once;
    WorkerConfig {
        transactions: Transactions {
            max_interval: exactly_once.transaction.max_interval,
            max_bytes: exactly_once.transaction.max_bytes,
            pass_through: exactly_once.pass_through == PassThrough::Auto,
        },
        backoff: Backoff { base: job.processing.retry_backoff, max: job.processing.retry_backoff_max },
        bounded: bounded || ends_by_itself,
        max_decoded_bytes: length(job.processing.max_decoded_bytes),
    }
}

/// What the lane of a job needs to tell records apart by what they hold.
#[must_use]
pub fn deduplication(
    job: &JobFile,
    strategy: RecordIdStrategy,
    store: Arc<dyn StateStore>,
    task: TaskId,
    owner: InstanceName,
    nonce: Nonce,
    sharing: Option<Sharing>,
) -> Deduplication {
    let config = &job.exactly_once;
    Deduplication {
        store,
        task,
        owner,
        nonce,
        strategy,
        window: Window {
            length: config.deduplication_window,
            time: match config.deduplication_time {
                DeduplicationTime::Arrival => processor::DeduplicationTime::Arrival,
                DeduplicationTime::Event => processor::DeduplicationTime::Event,
            },
            cleanup_interval: config.cleanup_interval,
            max_tracked_records: config.max_tracked_records,
            on_tracking_limit: match config.on_tracking_limit {
                OnTrackingLimit::Stop => processor::OnTrackingLimit::Stop,
                OnTrackingLimit::ShrinkWindow => processor::OnTrackingLimit::ShrinkWindow,
            },
        },
        on_id_loss: match config.on_id_loss {
            OnIdLoss::Rebuild => processor::OnIdLoss::Rebuild,
            OnIdLoss::Stop => processor::OnIdLoss::Stop,
        },
        checkpoint_interval: config.checkpoint_interval,
        keep_alive: job.state_store().is_shared().then_some(LEASE / 3),
        sharing,
    }
}

/// A size as a length in memory.
fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
