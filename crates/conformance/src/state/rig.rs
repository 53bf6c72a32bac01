//! Ledgers on the store of a case, each a process of its own, and a clock that the case sets.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint};
use velostream_core::{
    BatchId, Clock, ConditionalStore, Disposition, Epoch, InstanceName, Nonce, Result as CoreResult,
    SourcePosition, SplitId,
};
use velostream_ledger::{Batch, Claimant, Commit, Ledger, LedgerConfig, Ownership, StateStore, TaskId};
use velostream_record_id::TrackerKey;

use crate::faulty::FaultyStore;
use crate::prefixed::PrefixedStore;
pub(super) use crate::verdict::Must;
use crate::{Fixture, Violation};

/// Width of a bucket of ids, in milliseconds.
pub(super) const BUCKET_MS: i64 = 1000;

/// Ids in a chunk, unless a case says otherwise: few, so that a batch has several chunks.
pub(super) const IDS_PER_CHUNK: usize = 4;

#[derive(Debug, Default)]
struct SetClock(AtomicI64);

#[async_trait]
impl Clock for SetClock {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, _: Duration) {}
}

/// The store of a case below its prefix, with faults by script in front.
pub(super) struct Rig {
    pub(super) store: Arc<FaultyStore>,
    clock: Arc<SetClock>,
}

impl Rig {
    pub(super) fn new(f: &Fixture) -> Self {
        let store = PrefixedStore::new(f.store(), f.key(""));
        Self { store: Arc::new(FaultyStore::new(Arc::new(store))), clock: Arc::default() }
    }

    pub(super) fn set_time(&self, unix_ms: i64) {
        self.clock.0.store(unix_ms, Ordering::SeqCst);
    }

    /// A process of its own.
    pub(super) fn ledger(&self) -> Ledger<FaultyStore> {
        self.ledger_of(IDS_PER_CHUNK)
    }

    pub(super) fn ledger_of(&self, ids_per_chunk: usize) -> Ledger<FaultyStore> {
        let mut config = LedgerConfig::default();
        config.bucket_width = Duration::from_millis(BUCKET_MS.unsigned_abs());
        config.ids_per_chunk = ids_per_chunk;
        let clock: Arc<SetClock> = Arc::clone(&self.clock);
        Ledger::new(Arc::clone(&self.store), clock, config)
    }

    /// A new process that holds the task.
    pub(super) async fn owner(&self) -> Result<(Ledger<FaultyStore>, Ownership), Violation> {
        let ledger = self.ledger();
        let ownership = claim(&ledger, &task("orders.lane-0")?).await?;
        Ok((ledger, ownership))
    }

    /// Everything that roots of the task may refer to.
    pub(super) async fn objects(&self, of: &TaskId) -> Result<Vec<String>, Violation> {
        self.store.list(&format!("{of}/o/"), None, 10_000).await.must("list")
    }

    /// The root as it stands.
    pub(super) async fn root(&self, of: &TaskId) -> Result<bytes::Bytes, Violation> {
        let found = self.store.read(&[&root_key(of)]).await.must("read")?.pop().flatten();
        found
            .map(|found| found.value)
            .ok_or_else(|| Violation::Seen { what: "the root of a claimed task is absent".into() })
    }
}

/// Where the ledger keeps the root of a task.
pub(super) fn root_key(of: &TaskId) -> String {
    format!("{of}/root")
}

pub(super) fn task(name: &str) -> Result<TaskId, Violation> {
    TaskId::new(name).map_err(|error| Violation::Failed { call: "TaskId::new", source: error.into() })
}

pub(super) fn claimant() -> Claimant {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let nonce = Nonce(NEXT.fetch_add(1, Ordering::SeqCst));
    Claimant { owner: InstanceName::new(format!("host-{}", nonce.0)), nonce, at_least: Epoch(0) }
}

pub(super) async fn claim(ledger: &dyn StateStore, of: &TaskId) -> Result<Ownership, Violation> {
    Ok(ledger.claim(of, &claimant()).await.must("claim")?.ownership)
}

/// Begins and commits a batch.
pub(super) async fn committed(
    ledger: &dyn StateStore,
    by: &Ownership,
    n: u64,
    ids: Range<u64>,
) -> Result<(), Violation> {
    ledger.begin_batch_processing(by, batch(n, ids)).await.must("begin")?;
    ledger.commit_batch_processing(by, Commit::of(BatchId(n))).await.must("commit")
}

/// Batch n ends at offset 100 n.
pub(super) fn batch(n: u64, ids: Range<u64>) -> Batch {
    let position = SourcePosition::File { path: "in/a".into(), offset: n.saturating_mul(100), line: n };
    Batch {
        batch: BatchId(n),
        next_positions: [(SplitId::new("in/a"), position)].into(),
        record_ids: keys(ids).into(),
    }
}

pub(super) fn key(n: u64) -> TrackerKey {
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    TrackerKey((u128::from(spread) << 64 | u128::from(n)).to_be_bytes())
}

pub(super) fn keys(ids: Range<u64>) -> Vec<TrackerKey> {
    ids.map(key).collect()
}

pub(super) fn checkpoint(id: u64) -> ProcessingCheckpoint {
    let positions = batch(id, 0..0).next_positions;
    ProcessingCheckpoint { source_positions: positions, ..ProcessingCheckpoint::new(CheckpointId(id), 7) }
}

/// Fails unless the call was refused because somebody else owns the task, or the task is gone.
pub(super) fn fenced<T: std::fmt::Debug>(call: &str, result: CoreResult<T>) -> Result<(), Violation> {
    match result {
        Err(error) if error.disposition() == Disposition::Fenced => Ok(()),
        other => Err(Violation::Seen { what: format!("{call} of a stale owner gave {other:?}") }),
    }
}
