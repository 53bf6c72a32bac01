//! Against a model of sets and maps, with faults: each call is made until its outcome is known, and then both agree.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use velostream_core::{BatchId, Disposition, Result};
use velostream_ledger::{Batch, Commit, Ledger, Ownership, RecordStatus, StateStore};
use velostream_record_id::TrackerKey;
use velostream_store_memory::{Fault, MemoryStore};

use crate::rig::{BUCKET_MS, Rig, batch, checkpoint, key, task};

/// Ids are drawn from this many, so that they meet again.
const IDS: u64 = 40;

#[derive(Debug, Clone)]
enum Op {
    Begin(Vec<u64>),
    Mark(Vec<u64>),
    Commit {
        begin: Option<Vec<u64>>,
        save: bool,
    },
    CommitAgain,
    /// Begins once, and gives the batch up whatever came of it.
    GiveUp(Vec<u64>),
    Abort {
        back: u64,
    },
    Save,
    Tick(u8),
    Cleanup {
        back: u8,
    },
    Renew,
    Sweep,
    TakeOver,
    Faults(Vec<Fault>, Vec<Fault>),
    LandLate,
}

/// What a ledger must remember, written down as simply as it can be.
#[derive(Debug, Default)]
struct Model {
    committed: u64,
    open: BTreeMap<u64, BTreeSet<u64>>,
    /// Bucket by id: the newest that lists it.
    processed: BTreeMap<u64, u64>,
    /// Buckets in which the ids of open batches were packed.
    packed: BTreeMap<u64, BTreeMap<u64, u64>>,
    /// Sets of ids that the present owner has packed, by batch.
    sets: BTreeMap<u64, Vec<BTreeSet<u64>>>,
    checkpoint: u64,
    now_ms: i64,
}

impl Model {
    fn bucket(&mut self) -> u64 {
        let listed = self.packed.values().flat_map(BTreeMap::values).chain(self.processed.values());
        let newest = listed.copied().max().unwrap_or(0);
        (u64::try_from(self.now_ms).unwrap() / u64::try_from(BUCKET_MS).unwrap()).max(newest)
    }

    fn last(&self) -> u64 {
        self.open.keys().max().copied().unwrap_or(self.committed)
    }

    fn add(&mut self, batch: u64, ids: &[u64]) {
        // The same ids again are packed already, and stay in the bucket in which they are.
        let set: BTreeSet<u64> = ids.iter().copied().collect();
        let sets = self.sets.entry(batch).or_default();
        if set.is_empty() || sets.contains(&set) {
            return;
        }
        sets.push(set);
        let bucket = self.bucket();
        self.open.entry(batch).or_default().extend(ids);
        let packed = self.packed.entry(batch).or_default();
        for id in ids {
            let entry = packed.entry(*id).or_insert(bucket);
            *entry = (*entry).max(bucket);
        }
    }

    fn commit(&mut self) {
        if let Some((batch, _)) = self.open.pop_first() {
            self.committed = batch;
            for (id, bucket) in self.packed.remove(&batch).unwrap_or_default() {
                let entry = self.processed.entry(id).or_insert(bucket);
                *entry = (*entry).max(bucket);
            }
        }
    }

    fn status(&self, id: u64) -> RecordStatus {
        if self.processed.contains_key(&id) {
            return RecordStatus::Processed;
        }
        let open = self.open.iter().find(|(_, ids)| ids.contains(&id));
        open.map_or(RecordStatus::New, |(batch, _)| RecordStatus::Pending(BatchId(*batch)))
    }
}

struct Run {
    rig: Rig,
    ledger: Ledger<MemoryStore>,
    by: Ownership,
    model: Model,
}

/// Calls until the outcome is known; in the end the outage is over.
async fn settle<F: Future<Output = Result<()>>>(rig: &Rig, call: impl Fn() -> F) {
    for attempt in 0..20 {
        match call().await {
            Ok(()) => return,
            Err(error) => assert!(
                matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile),
                "{error} at attempt {attempt}"
            ),
        }
        if attempt == 10 {
            rig.store.heal();
        }
    }
    panic!("the outage was over and the call still failed");
}

fn some_keys(ids: &[u64]) -> Vec<TrackerKey> {
    ids.iter().map(|id| key(*id)).collect()
}

fn some_batch(n: u64, ids: &[u64]) -> Batch {
    batch(n, some_keys(ids))
}

impl Run {
    async fn new() -> Self {
        let rig = Rig::default();
        let (ledger, by) = rig.owner().await;
        Self { rig, ledger, by, model: Model::default() }
    }

    async fn apply(&mut self, op: &Op) {
        let Self { rig, ledger, by, model } = self;
        match op {
            Op::Begin(ids) if model.open.len() < 4 => {
                let n = model.last() + 1;
                settle(rig, || ledger.begin_batch_processing(by, some_batch(n, ids))).await;
                model.add(n, ids);
                model.open.entry(n).or_default();
            }
            Op::Mark(ids) => {
                let Some(n) = model.open.keys().max().copied() else { return };
                let ids_of = some_keys(ids);
                settle(rig, || ledger.mark_records_processed(by, BatchId(n), &ids_of)).await;
                model.add(n, ids);
            }
            Op::Commit { begin, save } => {
                let Some(n) = model.open.keys().min().copied() else { return };
                let next = model.last() + 1;
                let mut commit = Commit::of(BatchId(n));
                if let Some(ids) = begin {
                    commit = commit.and_begin(some_batch(next, ids));
                }
                if *save {
                    model.checkpoint += 1;
                    commit = commit.and_save(checkpoint(model.checkpoint));
                }
                settle(rig, || ledger.commit_batch_processing(by, commit.clone())).await;
                if let Some(ids) = begin {
                    model.add(next, ids);
                    model.open.entry(next).or_default();
                }
                model.commit();
            }
            Op::CommitAgain if model.committed > 0 => {
                let again = Commit::of(BatchId(model.committed));
                settle(rig, || ledger.commit_batch_processing(by, again.clone())).await;
            }
            Op::GiveUp(ids) if model.open.len() < 4 => {
                let n = model.last() + 1;
                ledger.begin_batch_processing(by, some_batch(n, ids)).await.ok();
                settle(rig, || ledger.abort_batch_processing(by, BatchId(n))).await;
            }
            Op::Abort { back } => {
                let n = model.last().saturating_sub(*back).max(model.committed + 1);
                settle(rig, || ledger.abort_batch_processing(by, BatchId(n))).await;
                model.open.retain(|batch, _| *batch < n);
                model.packed.retain(|batch, _| *batch < n);
                model.sets.retain(|batch, _| *batch < n);
            }
            Op::Save => {
                model.checkpoint += 1;
                let id = model.checkpoint;
                settle(rig, || ledger.save_checkpoint(by, checkpoint(id))).await;
            }

            Op::Cleanup { back } => {
                let before = (model.now_ms - i64::from(*back) * 100).max(0);
                settle(rig, || async { ledger.cleanup_old_records(by, before).await.map(|_| ()) }).await;
                let below = u64::try_from(before / BUCKET_MS).unwrap();
                model.processed.retain(|_, bucket| *bucket >= below);
            }
            Op::Renew => settle(rig, || ledger.renew(by)).await,
            Op::Sweep => settle(rig, || async { ledger.sweep(by).await.map(|_| ()) }).await,
            Op::TakeOver => {
                rig.store.heal();
                let (next, owner) = rig.owner().await;
                let stale = ledger.renew(by).await.unwrap_err();
                assert_eq!(stale.disposition(), Disposition::Fenced);
                (*ledger, *by) = (next, owner);
                model.sets.clear();
            }
            _ => self.disturb(op),
        }
    }

    /// What happens around the ledger.
    fn disturb(&mut self, op: &Op) {
        let Self { rig, model, .. } = self;
        match op {
            Op::Tick(tenths) => {
                model.now_ms += i64::from(*tenths) * 100;
                rig.clock.set(model.now_ms);
            }
            Op::Faults(commits, reads) => {
                rig.store.script_commits(commits.iter().copied());
                rig.store.script_reads(reads.iter().copied());
            }
            Op::LandLate => {
                rig.store.land_delayed();
            }
            _ => {}
        }
    }

    /// Both agree on everything that can be asked, the holder's view and a reader's.
    async fn agree(&self, ledger: &dyn StateStore, by: &Ownership) {
        let model = &self.model;
        let ids: Vec<u64> = (0..IDS).collect();
        let status = ledger.record_status(by, &some_keys(&ids)).await.unwrap();
        let wanted: Vec<RecordStatus> = ids.iter().map(|id| model.status(*id)).collect();
        assert_eq!(status, wanted);
        let state = ledger.observe(&task()).await.unwrap().unwrap();
        assert_eq!(state.committed.0, model.committed);
        assert_eq!(
            state.positions,
            if model.committed == 0 { [].into() } else { crate::rig::positions(model.committed * 100) }
        );
        let open: Vec<u64> = state.open_batches.iter().map(|open| open.batch.0).collect();
        assert_eq!(open, model.open.keys().copied().collect::<Vec<_>>());
        for n in 0..model.committed + 3 {
            assert_eq!(ledger.batch_is_processed(&task(), BatchId(n)).await.unwrap(), n <= model.committed);
        }
        let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap();
        let found = loaded.as_ref().map_or(0, |l| l.checkpoint.checkpoint_id.0);
        assert_eq!(found, model.checkpoint);
        assert!(loaded.is_none_or(|l| l.skipped.is_empty()));
    }
}

fn any_ids() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(0..IDS, 0..10)
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::NotReached),
        2 => Just(Fault::ReplyLost),
        1 => Just(Fault::Lost),
        1 => Just(Fault::Torn),
        2 => Just(Fault::Delayed),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let faults = || proptest::collection::vec(any_fault(), 0..4);
    prop_oneof![
        4 => any_ids().prop_map(Op::Begin),
        2 => any_ids().prop_map(Op::Mark),
        6 => (proptest::option::of(any_ids()), any::<bool>()).prop_map(|(begin, save)| Op::Commit { begin, save }),
        1 => Just(Op::CommitAgain),
        2 => any_ids().prop_map(Op::GiveUp),
        2 => (0u64..3).prop_map(|back| Op::Abort { back }),
        1 => Just(Op::Save),
        3 => (1u8..20).prop_map(Op::Tick),
        1 => (0u8..30).prop_map(|back| Op::Cleanup { back }),
        1 => Just(Op::Renew),
        1 => Just(Op::Sweep),
        1 => Just(Op::TakeOver),
        6 => (faults(), faults()).prop_map(|(commits, reads)| Op::Faults(commits, reads)),
        2 => Just(Op::LandLate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1500)))]

    #[test]
    fn a_ledger_with_faults_agrees_with_its_model(ops in proptest::collection::vec(any_op(), 1..40), late in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for op in &ops {
                run.apply(op).await;
            }
            run.rig.store.heal();
            if late {
                run.rig.store.land_delayed();
            }
            run.agree(&run.ledger, &run.by).await;
            let (reader, by) = run.rig.owner().await;
            run.agree(&reader, &by).await;
        });
    }
}
