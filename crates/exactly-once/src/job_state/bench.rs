//! What a state store costs where it stands: measured with a task that is thrown away.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use velostream_core::{
    BatchId, Clock, Code, ConditionalStore, Disposition, Epoch, Error, InstanceName, Nonce, Result,
    SourcePosition, SplitId,
};
use velostream_ledger::{
    Batch, Claimant, Commit, Ledger, ObservedStore, StateStore as _, StoreCall, StoreObserver, TaskId,
};
use velostream_processor::SystemClock;
use velostream_record_id::TrackerKey;

use super::spread::Spread;
use super::{JobState, PAGE};
use crate::config::{JobFile, RedbStateConfig, StateStoreConfig};
use crate::run::state;

/// Most ids that one run writes: 800 MB.
const MAX_IDS: u64 = 50_000_000;

/// Claims that are measured.
const CLAIMS: u32 = 20;

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchPlan {
    /// Batches that begin and are committed; as many again in the steady state.
    pub batches: NonZeroU32,
    /// Ids of each.
    pub ids: NonZeroU32,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Benched {
    /// The store, by its key in the job file.
    pub store: &'static str,
    /// What it keeps, as it was checked against the server.
    pub class: String,
    /// Batches of each kind.
    pub batches: u32,
    /// Ids of a batch.
    pub ids_per_batch: u32,
    /// A batch begins and is committed, as two calls.
    pub begin_and_commit: Spread,
    /// The steady state of a job: a batch is committed, and with it the next one begins.
    pub commit_and_next_begin: Spread,
    /// Calls of the store per batch in the steady state.
    pub calls_per_batch: f64,
    /// Another worker takes the task over.
    pub claim: Spread,
    /// The ids that were there in the end.
    pub tracked_records: u64,
    /// How long a new owner takes to read all of them, once, in milliseconds.
    pub read_by_new_owner_ms: f64,
}

impl JobState {
    /// Measures the store of `job` under the task `JOB.bench`, which is deleted afterwards. A file is not touched: one beside
    /// it, `FILE.bench`, stands for it.
    ///
    /// # Errors
    /// `Reject`: [`Code::StoreInUse`] where another bench of the job shows life, [`Code::StoreWeak`] where the server keeps
    /// less than the job file claims, [`Code::Config`] where the plan is too large; as the store.
    ///
    /// # Crash safety
    /// What a bench leaves behind that was killed, the next one deletes.
    pub async fn bench(job: &JobFile, plan: BenchPlan) -> Result<Benched> {
        let ids = u64::from(plan.batches.get()) * u64::from(plan.ids.get()) * 2;
        if ids > MAX_IDS {
            let what = format!("a bench of {ids} ids; {MAX_IDS} are the most");
            return Err(Error::new(Code::Config, Disposition::Reject, what)
                .with_remedy("Take fewer batches, or fewer ids for each."));
        }
        let mut job = job.clone();
        let mut file = None;
        if let StateStoreConfig::Redb(redb) = job.state_store() {
            let beside = beside(redb.path());
            job.state_store = Some(StateStoreConfig::Redb(RedbStateConfig::new(beside.to_string_lossy())));
            file = Some(beside);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = state::attested(&job).await?.store;
        // Only now: where another process has it open, it is that one's to delete.
        let _file = file.map(ThrowAway);
        let task = TaskId::new(&format!("{}.bench", job.job))?;
        let ledger = state::ledger(&job, Arc::clone(&store), &clock);
        if job.state_store().is_shared() {
            state::await_gone(&job, &ledger, &task, None, clock.as_ref()).await?;
        }
        delete(store.as_ref(), &task).await?;
        let measured = Bench { job: &job, plan, task: &task, store: Arc::clone(&store), clock }.run().await;
        // Also where it failed. What stays the next bench deletes.
        let deleted = delete(store.as_ref(), &task).await;
        let measured = measured?;
        deleted?;
        Ok(measured)
    }
}

/// Counts calls of the store.
#[derive(Debug, Default)]
struct Calls(AtomicU64);

impl StoreObserver for Calls {
    fn store_called(&self, _: StoreCall, _: Duration, _: Option<Disposition>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Bench<'a> {
    job: &'a JobFile,
    plan: BenchPlan,
    task: &'a TaskId,
    store: Arc<dyn ConditionalStore>,
    clock: Arc<dyn Clock>,
}

impl Bench<'_> {
    async fn run(self) -> Result<Benched> {
        let calls = Arc::<Calls>::default();
        let observer: Arc<dyn StoreObserver> = Arc::<Calls>::clone(&calls);
        let observed = ObservedStore::new(Arc::clone(&self.store), Arc::clone(&self.clock), observer);
        let ledger = self.ledger(Arc::new(observed));
        let (mut claim, mut both, mut steady) = (vec![], vec![], vec![]);
        for _ in 1..CLAIMS {
            let began = self.clock.monotonic();
            ledger.claim(self.task, &claimant()).await?;
            claim.push(self.since(began));
        }
        let by = ledger.claim(self.task, &claimant()).await?.ownership;
        let mut number = 0;
        for _ in 0..self.plan.batches.get() {
            number += 1;
            let batch = self.batch(number);
            let began = self.clock.monotonic();
            ledger.begin_batch_processing(&by, batch).await?;
            ledger.commit_batch_processing(&by, Commit::of(BatchId(number))).await?;
            both.push(self.since(began));
        }
        number += 1;
        ledger.begin_batch_processing(&by, self.batch(number)).await?;
        let before = calls.0.load(Ordering::Relaxed);
        for _ in 0..self.plan.batches.get() {
            let commit = Commit::of(BatchId(number)).and_begin(self.batch(number + 1));
            let began = self.clock.monotonic();
            ledger.commit_batch_processing(&by, commit).await?;
            steady.push(self.since(began));
            number += 1;
        }
        let calls = calls.0.load(Ordering::Relaxed) - before;
        ledger.abort_batch_processing(&by, BatchId(number)).await?;
        // Another process, which has no index yet.
        let other = self.ledger(Arc::clone(&self.store));
        let began = self.clock.monotonic();
        let claimed = other.claim(self.task, &claimant()).await?;
        claim.push(self.since(began));
        other.record_status(&claimed.ownership, &[TrackerKey(rand::random())]).await?;
        let read = self.since(began);
        Ok(Benched {
            store: self.job.state_store().key(),
            class: self.job.state_store().class().to_string(),
            batches: self.plan.batches.get(),
            ids_per_batch: self.plan.ids.get(),
            begin_and_commit: Spread::of(both),
            commit_and_next_begin: Spread::of(steady),
            calls_per_batch: Duration::from_secs(calls).as_secs_f64() / f64::from(self.plan.batches.get()),
            claim: Spread::of(claim),
            tracked_records: claimed.state.tracked_records,
            read_by_new_owner_ms: read.as_secs_f64() * 1e3,
        })
    }

    fn ledger(&self, store: Arc<dyn ConditionalStore>) -> Ledger<dyn ConditionalStore> {
        state::ledger(self.job, store, &self.clock)
    }

    /// Ids that look like hashes, never the same twice.
    fn batch(&self, number: u64) -> Batch {
        let position = SourcePosition::File { path: "bench".into(), offset: number, line: number };
        let next_positions = BTreeMap::from([(SplitId::new("bench"), position)]);
        let record_ids: Vec<_> = (0..self.plan.ids.get()).map(|_| TrackerKey(rand::random())).collect();
        Batch { batch: BatchId(number), next_positions, record_ids: record_ids.into() }
    }

    fn since(&self, began: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(began)
    }
}

fn claimant() -> Claimant {
    Claimant { owner: InstanceName::new("bench"), nonce: Nonce(rand::random()), at_least: Epoch(0) }
}

async fn delete(store: &dyn ConditionalStore, task: &TaskId) -> Result<()> {
    loop {
        let page = store.list(&format!("{task}/"), None, PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        store.delete(&page.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
}

/// A file on the same disk as this one: beside it, or in the next directory above it that exists.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let there = |dir: &&Path| dir.as_os_str().is_empty() || dir.is_dir();
    let dir = path.ancestors().skip(1).find(there).unwrap_or_else(|| Path::new(""));
    dir.join(format!("{name}.bench"))
}

/// A file that goes with the bench.
struct ThrowAway(PathBuf);

impl Drop for ThrowAway {
    fn drop(&mut self) {
        // A file that stays is opened and deleted by the next bench.
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throw_away_file_stands_in_the_nearest_directory_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        let expected = dir.path().join("state.redb.bench");
        assert_eq!(beside(&dir.path().join("state.redb")), expected);
        assert_eq!(beside(&dir.path().join("no/such/state.redb")), expected);
        assert_eq!(beside(Path::new("ids.redb")), Path::new("ids.redb.bench"));
    }
}
