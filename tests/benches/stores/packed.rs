//! The measured calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use velostream_core::{
    BatchId, Clock, ConditionalStore, Disposition, Epoch, InstanceName, Nonce, SourcePosition, SplitId,
};
use velostream_ledger::{
    Batch, Claimant, Commit, Ledger, LedgerConfig, ObservedStore, RecordStatus, StateStore, StoreCall,
    StoreObserver, TaskId,
};
use velostream_record_id::TrackerKey;
use velostream_testkit::RealClock;

use crate::subject::{Packed, Subject};

/// Counts calls of the store.
#[derive(Debug, Default)]
struct Calls(AtomicU64);

impl StoreObserver for Calls {
    fn store_called(&self, _: StoreCall, _: Duration, _: Option<Disposition>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ids that look like hashes, never the same twice.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn id(&mut self) -> TrackerKey {
        TrackerKey((u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes())
    }

    fn ids(&mut self, count: usize) -> Vec<TrackerKey> {
        (0..count).map(|_| self.id()).collect()
    }

    /// SplitMix64, of Steele, Lea and Flood.
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// How often each call is measured.
const fn rounds(ids: usize) -> usize {
    if ids > 1_000 { 10 } else { 50 }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ledger(
    store: Arc<dyn ConditionalStore>,
    calls: &Arc<Calls>,
) -> Ledger<ObservedStore<dyn ConditionalStore>> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::start());
    let observer: Arc<dyn StoreObserver> = Arc::<Calls>::clone(calls);
    let observed = ObservedStore::new(store, Arc::clone(&clock), observer);
    Ledger::new(Arc::new(observed), clock, LedgerConfig::default())
}

fn claimant(nonce: u64) -> Claimant {
    Claimant { owner: InstanceName::new("bench"), nonce: Nonce(nonce), at_least: Epoch(0) }
}

fn batch(number: u64, record_ids: Vec<TrackerKey>) -> Batch {
    let position = SourcePosition::File { path: "in/a".into(), offset: number, line: number };
    let next_positions = BTreeMap::from([(SplitId::new("in/a"), position)]);
    Batch { batch: BatchId(number), next_positions, record_ids: record_ids.into() }
}

/// The ledger over the store, with batches of `count` ids.
pub(crate) async fn run(subject: &dyn Subject, count: usize) -> Result<Packed> {
    let (calls, mut random) = (Arc::<Calls>::default(), Random::new(count as u64));
    let state = ledger(subject.store(), &calls);
    let task = TaskId::new(&format!("bench-{count}"))?;
    let by = state.claim(&task, &claimant(1)).await?.ownership;
    let rounds = rounds(count);
    let (mut begin, mut commit, mut both) = (vec![], vec![], vec![]);
    let (mut steady, mut lookup) = (vec![], vec![]);
    let mut number = 0;
    for _ in 0..rounds {
        number += 1;
        let next = batch(number, random.ids(count));
        let began = Instant::now();
        state.begin_batch_processing(&by, next).await?;
        let open = began.elapsed();
        state.commit_batch_processing(&by, Commit::of(BatchId(number))).await?;
        let done = began.elapsed();
        begin.push(open);
        commit.push(done.saturating_sub(open));
        both.push(done);
    }
    number += 1;
    state.begin_batch_processing(&by, batch(number, random.ids(count))).await?;
    let before = (calls.0.load(Ordering::Relaxed), subject.requests());
    let mut known = Vec::new();
    for _ in 0..rounds {
        known = random.ids(count);
        let next = Commit::of(BatchId(number)).and_begin(batch(number + 1, known.clone()));
        let began = Instant::now();
        state.commit_batch_processing(&by, next).await?;
        steady.push(began.elapsed());
        number += 1;
    }
    let after = (calls.0.load(Ordering::Relaxed), subject.requests());
    state.commit_batch_processing(&by, Commit::of(BatchId(number))).await?;
    let stored = 2 * rounds * count + count;
    let mut asked = random.ids(count);
    asked.splice(..count / 2, known.iter().copied().take(count / 2));
    for _ in 0..rounds {
        let began = Instant::now();
        let found = state.record_status(&by, &asked).await?;
        lookup.push(began.elapsed());
        let processed = found.iter().filter(|status| **status == RecordStatus::Processed).count();
        ensure!(processed == count / 2, "{processed} of {} ids were found", count / 2);
    }
    let other = ledger(subject.store(), &calls);
    let began = Instant::now();
    let by = other.claim(&task, &claimant(2)).await?.ownership;
    let found = other.record_status(&by, &asked).await?;
    let reload = began.elapsed();
    ensure!(
        found.iter().filter(|status| **status == RecordStatus::Processed).count() == count / 2,
        "lost ids"
    );
    Ok(Packed {
        begin: median(begin),
        commit: median(commit),
        both: median(both),
        steady: median(steady),
        lookup: median(lookup),
        reload,
        stored,
        calls: each(after.0 - before.0, rounds),
        requests: after.1.zip(before.1).map(|(after, before)| each(after - before, rounds)),
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts fit 53 bits")]
fn each(all: u64, rounds: usize) -> f64 {
    all as f64 / rounds as f64
}
