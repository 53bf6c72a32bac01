//! What the tests share: a clock, a store, ledgers on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint};
use velostream_core::{
    BatchId, Clock, Code, Disposition, Epoch, Error, InstanceName, Nonce, SourcePosition, SplitId,
};
use velostream_ledger::{Batch, BatchIds, Claimant, Ledger, LedgerConfig, Ownership, StateStore, TaskId};
use velostream_record_id::TrackerKey;
use velostream_store_memory::MemoryStore;

/// Width of a bucket in these tests, in milliseconds.
pub(crate) const BUCKET_MS: i64 = 1000;

/// A clock that a test sets.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn set(&self, unix_ms: i64) {
        self.0.store(unix_ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, _: Duration) {}
}

/// One store and as many ledgers, each a process of its own, as a test wants.
#[derive(Debug, Default)]
pub(crate) struct Rig {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<TestClock>,
    nonces: AtomicU64,
}

impl Rig {
    pub(crate) fn ledger(&self) -> Ledger<MemoryStore> {
        Ledger::new(Arc::new(self.store.clone()), Arc::<TestClock>::clone(&self.clock), config())
    }

    pub(crate) fn claimant(&self) -> Claimant {
        let nonce = Nonce(1000 + self.nonces.fetch_add(1, Ordering::SeqCst));
        Claimant { owner: InstanceName::new(format!("host-{}", nonce.0)), nonce, at_least: Epoch(0) }
    }

    pub(crate) async fn claim(&self, ledger: &dyn StateStore) -> Ownership {
        ledger.claim(&task(), &self.claimant()).await.unwrap().ownership
    }

    /// A ledger that holds the task.
    pub(crate) async fn owner(&self) -> (Ledger<MemoryStore>, Ownership) {
        let ledger = self.ledger();
        let ownership = self.claim(&ledger).await;
        (ledger, ownership)
    }
}

/// Small sizes, so that batches have several chunks and the ring turns.
pub(crate) fn config() -> LedgerConfig {
    let mut config = LedgerConfig::default();
    config.bucket_width = Duration::from_millis(1000);
    config.checkpoint_slots = 3;
    config.ids_per_chunk = 4;
    config
}

pub(crate) fn task() -> TaskId {
    TaskId::new("orders-dr.lane-0").unwrap()
}

pub(crate) fn key(n: u64) -> TrackerKey {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..].copy_from_slice(&n.to_be_bytes());
    TrackerKey(key)
}

pub(crate) fn keys(range: std::ops::Range<u64>) -> Vec<TrackerKey> {
    range.map(key).collect()
}

pub(crate) fn at(offset: u64) -> SourcePosition {
    SourcePosition::File { path: "in/a".into(), offset, line: 0 }
}

pub(crate) fn positions(offset: u64) -> BTreeMap<SplitId, SourcePosition> {
    [(SplitId::new("in/a"), at(offset))].into()
}

/// Batch n ends at offset 100 n.
pub(crate) fn batch(n: u64, record_ids: impl Into<BatchIds>) -> Batch {
    Batch { batch: BatchId(n), next_positions: positions(n * 100), record_ids: record_ids.into() }
}

pub(crate) fn checkpoint(id: u64) -> ProcessingCheckpoint {
    ProcessingCheckpoint { source_positions: positions(id), ..ProcessingCheckpoint::new(CheckpointId(id), 7) }
}

#[track_caller]
pub(crate) fn assert_fenced<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::StoreFenced, Disposition::Fenced), "{error}");
}

#[track_caller]
pub(crate) fn assert_rejected<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reject, "{error}");
}
