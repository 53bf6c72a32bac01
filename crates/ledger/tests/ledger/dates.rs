//! Ids with times of their own, against a model of maps, with faults.

use std::collections::BTreeMap;

use proptest::prelude::*;
use velostream_core::{BatchId, Code, ConditionalStore, Disposition, Result};
use velostream_ledger::{BatchIds, Commit, Dating, Ledger, MAX_TIME_MS, Ownership, StateStore};
use velostream_store_memory::{Fault, MemoryStore};

use crate::rig::{BUCKET_MS, Rig, assert_rejected, batch, key, keys, task};

const IDS: u64 = 20;

fn dated(ids: &[(u64, i64)]) -> BatchIds {
    BatchIds::Dated(ids.iter().map(|(id, at_ms)| (key(*id), *at_ms)).collect())
}

async fn committed(ledger: &dyn StateStore, by: &Ownership, n: u64, ids: &[(u64, i64)]) {
    ledger.begin_batch_processing(by, batch(n, dated(ids))).await.unwrap();
    ledger.commit_batch_processing(by, Commit::of(BatchId(n))).await.unwrap();
}

async fn dating(ledger: &dyn StateStore) -> Option<Dating> {
    ledger.observe(&task()).await.unwrap().unwrap().dating
}

async fn times(ledger: &dyn StateStore, by: &Ownership) -> Vec<Option<i64>> {
    ledger.record_times(by, &keys(0..IDS)).await.unwrap()
}

async fn chunks(rig: &Rig) -> usize {
    rig.store.list("orders-dr.lane-0/o/ids/", None, 1000).await.unwrap().len()
}

#[derive(Debug, Clone)]
enum Op {
    /// Commits what is open, if anything, and begins.
    Next(Vec<(u64, i64)>),
    Abort,
    Cleanup(i64),
    ForgetOldest,
    TakeOver,
    Faults(Vec<Fault>),
}

/// Times by id, of what counts and of what is open.
#[derive(Debug, Default)]
struct Model {
    counts: BTreeMap<u64, i64>,
    open: Option<BTreeMap<u64, i64>>,
    latest: Option<i64>,
}

fn later(times: &mut BTreeMap<u64, i64>, id: u64, at_ms: i64) {
    let known = times.entry(id).or_insert(at_ms);
    *known = at_ms.max(*known);
}

impl Model {
    fn next(&mut self, ids: &[(u64, i64)]) {
        for (id, at_ms) in self.open.take().into_iter().flatten() {
            later(&mut self.counts, id, at_ms);
            self.latest = self.latest.max(Some(at_ms));
        }
        let mut open = BTreeMap::new();
        ids.iter().for_each(|(id, at_ms)| later(&mut open, *id, *at_ms));
        self.open = Some(open);
    }

    fn times(&self) -> Vec<Option<i64>> {
        let open = |id: &u64| self.open.as_ref().and_then(|open| open.get(id)).copied();
        (0..IDS).map(|id| open(&id).max(self.counts.get(&id).copied())).collect()
    }
}

/// Calls until the outcome is known.
async fn settle<F: Future<Output = Result<()>>>(rig: &Rig, call: impl Fn() -> F) {
    for attempt in 0..20 {
        let Err(error) = call().await else { return };
        assert!(matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile), "{error}");
        if attempt == 10 {
            rig.store.heal();
        }
    }
    panic!("the outage was over and the call still failed");
}

async fn run(ops: &[Op]) {
    let rig = Rig::default();
    let (mut ledger, mut by): (Ledger<MemoryStore>, Ownership) = rig.owner().await;
    let (mut model, mut n) = (Model::default(), 0);
    for op in ops {
        match op {
            Op::Next(ids) => {
                let next = batch(n + 1, dated(ids));
                match &model.open {
                    None => settle(&rig, || ledger.begin_batch_processing(&by, next.clone())).await,
                    Some(_) => {
                        let commit = Commit::of(BatchId(n)).and_begin(next);
                        settle(&rig, || ledger.commit_batch_processing(&by, commit.clone())).await;
                    }
                }
                n += 1;
                model.next(ids);
            }
            Op::Abort if model.open.is_some() => {
                settle(&rig, || ledger.abort_batch_processing(&by, BatchId(n))).await;
                (model.open, n) = (None, n - 1);
            }
            Op::Cleanup(before) => {
                settle(&rig, || async { ledger.cleanup_old_records(&by, *before).await.map(|_| ()) }).await;
                model.counts.retain(|_, at_ms| *at_ms / BUCKET_MS >= before / BUCKET_MS);
            }
            Op::ForgetOldest => {
                rig.store.heal();
                let forgotten = ledger.forget_oldest_records(&by).await.unwrap();
                if let Some(until_ms) = forgotten.until_ms {
                    assert_eq!(until_ms % BUCKET_MS, 0);
                    model.counts.retain(|_, at_ms| *at_ms >= until_ms);
                }
            }
            Op::TakeOver => {
                rig.store.heal();
                (ledger, by) = rig.owner().await;
            }
            Op::Faults(faults) => rig.store.script_commits(faults.iter().copied()),
            Op::Abort => {}
        }
    }
    rig.store.heal();
    assert_eq!(times(&ledger, &by).await, model.times());
    let (second, by) = rig.owner().await;
    assert_eq!(times(&second, &by).await, model.times(), "as it is read from the store");
    let latest_ms = model.latest;
    assert_eq!(dating(&second).await, (n > 0).then_some(Dating::Event { latest_ms }));
}

fn any_op() -> impl Strategy<Value = Op> {
    let fault = prop_oneof![
        Just(Fault::None),
        Just(Fault::NotReached),
        Just(Fault::ReplyLost),
        Just(Fault::Lost),
        Just(Fault::Torn)
    ];
    prop_oneof![
        6 => proptest::collection::vec((0..IDS, 0..6 * BUCKET_MS), 0..12).prop_map(Op::Next),
        1 => Just(Op::Abort),
        1 => (0..7 * BUCKET_MS).prop_map(Op::Cleanup),
        1 => Just(Op::ForgetOldest),
        1 => Just(Op::TakeOver),
        2 => proptest::collection::vec(fault, 1..6).prop_map(Op::Faults),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ledger_of_dated_ids_with_faults_agrees_with_its_model(ops in proptest::collection::vec(any_op(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(&ops));
    }
}

#[tokio::test]
async fn ids_dated_to_and_fro_keep_one_run_a_bucket_and_go_bucket_by_bucket() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for n in 1..=100 {
        let at = |bucket: i64| bucket * BUCKET_MS + i64::try_from(n).unwrap();
        committed(&ledger, &by, n, &[(3 * n, at(2)), (3 * n + 1, at(0)), (3 * n + 2, at(1))]).await;
    }
    let root = rig.store.read(&["orders-dr.lane-0/root"]).await.unwrap().remove(0).unwrap();
    assert!(root.value.len() < 300, "{} bytes", root.value.len());
    assert_eq!(chunks(&rig).await, 300);
    let cleanup = ledger.cleanup_old_records(&by, 2 * BUCKET_MS - 1).await.unwrap();
    assert_eq!((cleanup.records, cleanup.deleted), (100, 100));
    assert_eq!(ledger.record_times(&by, &keys(3..6)).await.unwrap(), [Some(2001), None, Some(1001)]);
}

#[tokio::test]
async fn latest_time_outlives_its_id_and_does_not_count_before_its_batch() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    assert_eq!(dating(&ledger).await, None);
    committed(&ledger, &by, 1, &[(1, 5000), (2, 400)]).await;
    committed(&ledger, &by, 2, &[(3, 3000)]).await;
    ledger.begin_batch_processing(&by, batch(3, dated(&[(4, 9000)]))).await.unwrap();
    let latest = async |ledger: &dyn StateStore| match dating(ledger).await {
        Some(Dating::Event { latest_ms }) => latest_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(latest(&ledger).await, Some(5000));
    ledger.abort_batch_processing(&by, BatchId(3)).await.unwrap();
    while ledger.forget_oldest_records(&by).await.unwrap().until_ms.is_some() {}
    assert_eq!(latest(&ledger).await, Some(5000));
    committed(&ledger, &by, 3, &[]).await;
    assert_eq!(latest(&ledger).await, Some(5000));
    ledger.forget_records(&by).await.unwrap();
    assert_eq!(dating(&ledger).await, None);
}

#[tokio::test]
async fn ids_that_are_dated_otherwise_are_refused_until_all_are_forgotten() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..2))).await.unwrap();
    let refused = ledger.begin_batch_processing(&by, batch(2, dated(&[(5, 1)]))).await.unwrap_err();
    assert_eq!((refused.code(), refused.disposition()), (Code::JobConfigChanged, Disposition::Reject));
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    assert_rejected(ledger.begin_batch_processing(&by, batch(2, dated(&[]))).await);
    ledger.forget_records(&by).await.unwrap();
    committed(&ledger, &by, 2, &[(5, 1)]).await;
    assert_rejected(ledger.begin_batch_processing(&by, batch(3, keys(0..2))).await);
    ledger.begin_batch_processing(&by, batch(3, dated(&[]))).await.unwrap();
    assert_rejected(ledger.mark_records_processed(&by, BatchId(3), &keys(0..2)).await);
    ledger.abort_batch_processing(&by, BatchId(3)).await.unwrap();
    ledger.forget_records(&by).await.unwrap();
    ledger.begin_batch_processing(&by, batch(3, keys(0..2))).await.unwrap();
    // No key of this claim was written twice: what is there is what was written last.
    ledger.commit_batch_processing(&by, Commit::of(BatchId(3))).await.unwrap();
    let (second, by) = rig.owner().await;
    assert!(second.is_record_processed(&by, &key(1)).await.unwrap());
}

#[tokio::test]
async fn times_out_of_range_are_the_nearest_that_can_be_kept() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    committed(&ledger, &by, 1, &[(0, i64::MAX), (1, -9), (2, i64::MIN), (2, 7)]).await;
    let (second, by) = rig.owner().await;
    let found = second.record_times(&by, &keys(0..4)).await.unwrap();
    assert_eq!(found, [Some(MAX_TIME_MS), Some(0), Some(7), None]);
}
