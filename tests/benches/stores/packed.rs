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

use crate::subject::{Naive, Packed, Subject};

/// Counts calls of the store.
#[derive(Debug, Default)]
struct Calls(AtomicU64);

impl StoreObserver for Calls {
    fn store_called(&self, _: StoreCall, _: Duration, _: Option<Disposition>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ids that look like hashes, never the same twice.
fn ids(seed: &mut u64, count: usize) -> Vec<TrackerKey> {
    let mut next = || {
        // SplitMix64, of Steele, Lea and Flood.
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (0..count).map(|_| TrackerKey((u128::from(next()) << 64 | u128::from(next())).to_be_bytes())).collect()
}

/// How often each call is measured.
const fn rounds(ids: usize) -> usize {
    if ids > 1_000 { 10 } else { 50 }
}

fn median(mut times: Vec<Duration>) -> Duration {
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
    Batch { batch: BatchId(number), next_positions, record_ids }
}

/// The ledger over the store, with batches of `count` ids.
pub(crate) async fn run(subject: &dyn Subject, count: usize) -> Result<Packed> {
    let (calls, mut seed) = (Arc::<Calls>::default(), count as u64);
    let state = ledger(subject.store(), &calls);
    let task = TaskId::new(&format!("bench-{count}"))?;
    let by = state.claim(&task, &claimant(1)).await?.ownership;
    let rounds = rounds(count);
    let (mut begin, mut commit, mut steady, mut lookup) = (vec![], vec![], vec![], vec![]);
    let mut number = 0;
    for _ in 0..rounds {
        number += 1;
        let next = batch(number, ids(&mut seed, count));
        let began = Instant::now();
        state.begin_batch_processing(&by, next).await?;
        begin.push(began.elapsed());
        let began = Instant::now();
        state.commit_batch_processing(&by, Commit::of(BatchId(number))).await?;
        commit.push(began.elapsed());
    }
    number += 1;
    state.begin_batch_processing(&by, batch(number, ids(&mut seed, count))).await?;
    let before = (calls.0.load(Ordering::Relaxed), subject.requests());
    let mut known = Vec::new();
    for _ in 0..rounds {
        known = ids(&mut seed, count);
        let next = Commit::of(BatchId(number)).and_begin(batch(number + 1, known.clone()));
        let began = Instant::now();
        state.commit_batch_processing(&by, next).await?;
        steady.push(began.elapsed());
        number += 1;
    }
    let after = (calls.0.load(Ordering::Relaxed), subject.requests());
    state.commit_batch_processing(&by, Commit::of(BatchId(number))).await?;
    let stored = 2 * rounds * count + count;
    let mut asked = ids(&mut seed, count);
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

/// One key per id, with batches of `count` ids.
pub(crate) async fn naive(subject: &dyn Subject, count: usize) -> Result<Naive> {
    // Other ids than the packed ones, and other ones for each size.
    let mut seed = 0x5EED_0000 + count as u64;
    let rounds = subject.naive_rounds(count);
    let (mut mark, mut check) = (vec![], vec![]);
    let mut known = Vec::new();
    for _ in 0..rounds {
        known = ids(&mut seed, count);
        let began = Instant::now();
        subject.naive_mark(&known).await?;
        mark.push(began.elapsed());
    }
    let mut asked = ids(&mut seed, count);
    asked.splice(..count / 2, known.iter().copied().take(count / 2));
    for _ in 0..rounds {
        let began = Instant::now();
        let found = subject.naive_check(&asked).await?;
        check.push(began.elapsed());
        ensure!(found == count / 2, "{found} of {} keys were found", count / 2);
    }
    Ok(Naive { mark: median(mark), check: median(check), stored: rounds * count })
}
