//! What the ledger itself costs: batches and look-ups over the stores that need no server.

#![allow(clippy::unwrap_used, reason = "a broken bench shows itself by a panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use velostream_core::{
    BatchId, Clock, ConditionalStore, Epoch, InstanceName, Nonce, SourcePosition, SplitId,
};
use velostream_ledger::{Batch, Claimant, Commit, Ledger, LedgerConfig, Ownership, StateStore, TaskId};
use velostream_record_id::TrackerKey;
use velostream_store_memory::MemoryStore;
use velostream_store_redb::{Config, RedbStore};

const BATCHES: [usize; 2] = [1_000, 10_000];

#[derive(Debug)]
struct Still;

#[async_trait]
impl Clock for Still {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_ms(&self) -> i64 {
        1_800_000_000_000
    }

    async fn sleep(&self, _: Duration) {}
}

/// A claimed task, and the ids that it has seen.
struct Task {
    state: Ledger<dyn ConditionalStore>,
    by: Ownership,
    number: u64,
    seen: u64,
}

impl Task {
    async fn claim(store: Arc<dyn ConditionalStore>) -> Self {
        let state = Ledger::new(store, Arc::new(Still), LedgerConfig::default());
        let claimant = Claimant { owner: InstanceName::new("bench"), nonce: Nonce(1), at_least: Epoch(0) };
        let by = state.claim(&TaskId::new("bench").unwrap(), &claimant).await.unwrap().ownership;
        Self { state, by, number: 0, seen: 0 }
    }

    /// Ids that were not there before, spread as hashes are.
    fn fresh(&mut self, count: usize) -> Vec<TrackerKey> {
        let key = |n: u64| {
            let high = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            TrackerKey((u128::from(high) << 64 | u128::from(n)).to_be_bytes())
        };
        let from = self.seen;
        self.seen += count as u64;
        (from..self.seen).map(key).collect()
    }

    async fn batch(&mut self, record_ids: Vec<TrackerKey>) {
        self.number += 1;
        let position = SourcePosition::File { path: "in/a".into(), offset: self.number, line: self.number };
        let next_positions = BTreeMap::from([(SplitId::new("in/a"), position)]);
        let batch = Batch { batch: BatchId(self.number), next_positions, record_ids: record_ids.into() };
        self.state.begin_batch_processing(&self.by, batch).await.unwrap();
        self.state.commit_batch_processing(&self.by, Commit::of(BatchId(self.number))).await.unwrap();
    }
}

fn batches(criterion: &mut Criterion, name: &str, open: impl Fn(&Runtime) -> Arc<dyn ConditionalStore>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut group = criterion.benchmark_group(name);
    for count in BATCHES {
        group.throughput(Throughput::Elements(count as u64));
        let task = std::cell::RefCell::new(runtime.block_on(Task::claim(open(&runtime))));
        group.bench_function(BenchmarkId::new("begin and commit", count), |bencher| {
            bencher.iter_batched(
                || task.borrow_mut().fresh(count),
                |ids| runtime.block_on(task.borrow_mut().batch(ids)),
                BatchSize::PerIteration,
            );
        });
        let mut task = task.into_inner();
        // Half of them are known.
        let mut asked = task.fresh(count);
        let known = asked.iter().copied().take(count / 2).collect();
        runtime.block_on(task.batch(known));
        asked.reverse();
        group.bench_function(BenchmarkId::new("look up", count), |bencher| {
            bencher.iter(|| runtime.block_on(task.state.record_status(&task.by, &asked)).unwrap());
        });
    }
    group.finish();
}

fn memory(criterion: &mut Criterion) {
    batches(criterion, "memory", |_| Arc::new(MemoryStore::new()));
}

fn redb(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let files = std::cell::Cell::new(0);
    batches(criterion, "redb", |runtime| {
        files.set(files.get() + 1);
        let config = Config::new(dir.path().join(format!("{}.redb", files.get())));
        Arc::new(runtime.block_on(RedbStore::open(config)).unwrap())
    });
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1));
    targets = memory, redb
}
criterion_main!(all);
