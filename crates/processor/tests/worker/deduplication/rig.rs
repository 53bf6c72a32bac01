//! A worker with content ids over ends in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use velostream_core::{Clock, ConditionalStore, DeliveryLevel, InstanceName, Nonce, Result};
use velostream_ledger::{Ledger, LedgerConfig, TaskId};
use velostream_processor::{
    Backoff, Deduplication, DeduplicationTime, ExactlyOnceMetrics, LaneParts, OnIdLoss, OnTrackingLimit,
    Sharing, SystemClock, Totals, Transactions, Window, Worker, WorkerConfig,
};
use velostream_record_id::RecordIdStrategy;
use velostream_store_memory::MemoryStore;

use crate::ends::{MemoryMembership, MemoryReader, MemorySink};

/// Each life of a worker claims under another nonce.
static LIVES: AtomicU64 = AtomicU64::new(1);

/// Time that a test sets.
#[derive(Debug)]
pub(crate) struct SetClock(pub(crate) AtomicI64);

#[async_trait]
impl Clock for SetClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.unix_ms()).unwrap())
    }

    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, _: Duration) {}
}

pub(crate) struct Rig {
    pub(crate) store: Arc<MemoryStore>,
    /// What the ledger calls: the store, or something in front of it.
    pub(crate) front: Arc<dyn ConditionalStore>,
    pub(crate) on_id_loss: OnIdLoss,
    pub(crate) time: DeduplicationTime,
    /// Own time of a record by its number.
    pub(crate) times: fn(u64) -> i64,
    pub(crate) length: Duration,
    pub(crate) on_tracking_limit: OnTrackingLimit,
    pub(crate) max_tracked_records: u64,
    /// Name of the task.
    pub(crate) task: &'static str,
    pub(crate) sharing: Option<Sharing>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with_store(&Arc::new(MemoryStore::new()))
    }

    pub(crate) fn with_store(store: &Arc<MemoryStore>) -> Self {
        Self {
            store: Arc::clone(store),
            front: Arc::clone(store) as _,
            on_id_loss: OnIdLoss::Rebuild,
            time: DeduplicationTime::Arrival,
            times: |_| -1,
            length: Duration::from_secs(3600),
            on_tracking_limit: OnTrackingLimit::Stop,
            max_tracked_records: 1000,
            task: "job.lane-0",
            sharing: None,
        }
    }

    pub(crate) fn deduplication(&self, clock: Arc<dyn Clock>, length: Duration) -> Deduplication {
        let mut config = LedgerConfig::default();
        config.bucket_width = (length / 24).max(Duration::from_millis(1));
        Deduplication {
            store: Arc::new(Ledger::new(Arc::clone(&self.front), clock, config)),
            task: TaskId::new(self.task).unwrap(),
            owner: InstanceName::new("w0"),
            nonce: Nonce(LIVES.fetch_add(1 << 20, Ordering::Relaxed)),
            strategy: RecordIdStrategy::ContentHash,
            window: Window {
                length,
                time: self.time,
                cleanup_interval: Duration::from_secs(1),
                max_tracked_records: self.max_tracked_records,
                on_tracking_limit: self.on_tracking_limit,
            },
            on_id_loss: self.on_id_loss,
            checkpoint_interval: Duration::ZERO,
            keep_alive: None,
            sharing: self.sharing.clone(),
        }
    }

    /// Runs a worker of both splits to their end.
    pub(crate) async fn run(&self, sink: &MemorySink, records: u64, value: fn(u64) -> u64) -> Result<Totals> {
        self.run_as(&MemoryMembership::owning(&["a", "b"]), sink, records, value).await
    }

    pub(crate) async fn run_as(
        &self,
        membership: &Arc<MemoryMembership>,
        sink: &MemorySink,
        records: u64,
        value: fn(u64) -> u64,
    ) -> Result<Totals> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let metrics = ExactlyOnceMetrics::new("job", "w0", DeliveryLevel::ExactlyOnceTransactional);
        let parts = LaneParts {
            reader: Box::new(MemoryReader::valued(records, value).timed(self.times)),
            lane: Box::new(sink.lane(0)),
            deduplication: Some(self.deduplication(Arc::clone(&clock), self.length)),
        };
        let config = WorkerConfig {
            transactions: Transactions {
                max_interval: Duration::from_secs(1),
                max_bytes: 72,
                pass_through: true,
            },
            backoff: Backoff { base: Duration::from_millis(1), max: Duration::from_millis(2) },
            bounded: true,
            max_decoded_bytes: 1 << 20,
        };
        let worker = Worker::new(config, Arc::clone(membership) as _, clock, metrics.clone(), vec![parts]);
        let run = worker.run(watch::Sender::new(Vec::new()));
        tokio::time::timeout(Duration::from_secs(60), run).await.expect("the worker comes to an end")?;
        Ok(metrics.totals())
    }

    /// Keys of the id chunks in the store.
    pub(crate) async fn chunk_keys(&self) -> Vec<String> {
        self.store.list("job.lane-0/o/ids/", None, 100).await.unwrap()
    }
}
