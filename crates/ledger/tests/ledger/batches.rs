//! Begin, commit, abort.

use velostream_core::{BatchId, Code, DurabilityClass, StoreGuarantees};
use velostream_ledger::{Batch, Commit, Ledger, RecordStatus, StateStore};
use velostream_store_memory::MemoryStore;

use std::sync::Arc;

use crate::rig::{Rig, TestClock, assert_rejected, batch, checkpoint, config, key, keys, positions, task};

#[tokio::test]
async fn a_steady_batch_is_one_round_trip() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..10))).await.unwrap();
    let before = rig.store.trips();
    for n in 1..=100 {
        let next = batch(n + 1, keys(n * 10..n * 10 + 10));
        ledger.commit_batch_processing(&by, Commit::of(BatchId(n)).and_begin(next)).await.unwrap();
        let status = ledger.record_status(&by, &[key(n * 10 - 1), key(n * 10), key(9999)]).await.unwrap();
        assert_eq!(
            status,
            [RecordStatus::Processed, RecordStatus::Pending(BatchId(n + 1)), RecordStatus::New]
        );
    }
    let after = rig.store.trips();
    assert_eq!(after.commits - before.commits, 100);
    assert_eq!(after.total() - before.total(), 100, "{after:?}");
}

#[tokio::test]
async fn a_checkpoint_travels_with_its_commit() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
    let before = rig.store.trips().total();
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, keys(0..3))).and_save(checkpoint(1));
    ledger.commit_batch_processing(&by, commit).await.unwrap();
    assert_eq!(rig.store.trips().total() - before, 1);
    let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap().unwrap();
    assert_eq!(loaded.checkpoint, checkpoint(1));
}

#[tokio::test]
async fn a_committed_batch_moves_the_positions_and_an_aborted_one_does_not() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
    assert!(!ledger.batch_is_processed(&task(), BatchId(1)).await.unwrap());
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1)).and_begin(batch(2, vec![]))).await.unwrap();
    ledger.abort_batch_processing(&by, BatchId(2)).await.unwrap();
    let state = ledger.observe(&task()).await.unwrap().unwrap();
    assert_eq!((state.committed, state.positions), (BatchId(1), positions(100)));
    assert!(state.open_batches.is_empty());
    assert!(ledger.batch_is_processed(&task(), BatchId(1)).await.unwrap());
    assert!(!ledger.batch_is_processed(&task(), BatchId(2)).await.unwrap());
}

#[tokio::test]
async fn splits_that_a_batch_leaves_out_keep_their_position() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    let other = velostream_core::SplitId::new("in/b");
    let mut first = batch(1, vec![]);
    first.next_positions.insert(other.clone(), crate::rig::at(7));
    ledger.begin_batch_processing(&by, first).await.unwrap();
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1)).and_begin(batch(2, vec![]))).await.unwrap();
    ledger.commit_batch_processing(&by, Commit::of(BatchId(2))).await.unwrap();
    let state = ledger.observe(&task()).await.unwrap().unwrap();
    assert_eq!(state.positions.get(&other), Some(&crate::rig::at(7)));
}

#[tokio::test]
async fn every_call_again_does_nothing_and_says_the_same() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    macro_rules! twice {
        ($call:expr) => {
            $call.await.unwrap();
            let before = (ledger.observe(&task()).await.unwrap(), rig.store.snapshot());
            $call.await.unwrap();
            assert_eq!((ledger.observe(&task()).await.unwrap(), rig.store.snapshot()), before);
        };
    }
    twice!(ledger.begin_batch_processing(&by, batch(1, keys(0..9))));
    twice!(ledger.mark_records_processed(&by, BatchId(1), &keys(20..23)));
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, keys(9..12))).and_save(checkpoint(1));
    twice!(ledger.commit_batch_processing(&by, commit.clone()));
    twice!(ledger.save_checkpoint(&by, checkpoint(2)));
    twice!(ledger.abort_batch_processing(&by, BatchId(2)));
    twice!(ledger.cleanup_old_records(&by, 5000));
    twice!(ledger.forget_records(&by));
    twice!(ledger.release(&by));
}

#[tokio::test]
async fn batches_come_in_order_and_without_gaps() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    assert_rejected(ledger.begin_batch_processing(&by, batch(2, vec![])).await);
    assert_rejected(ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await);
    ledger.begin_batch_processing(&by, batch(1, keys(0..2))).await.unwrap();
    assert_rejected(ledger.begin_batch_processing(&by, batch(1, keys(0..3))).await);
    assert_rejected(ledger.begin_batch_processing(&by, batch(3, vec![])).await);
    ledger.begin_batch_processing(&by, batch(2, vec![])).await.unwrap();
    assert_rejected(ledger.commit_batch_processing(&by, Commit::of(BatchId(2))).await);
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    assert_rejected(ledger.begin_batch_processing(&by, batch(1, keys(0..2))).await);
    assert_rejected(ledger.mark_records_processed(&by, BatchId(1), &keys(0..1)).await);
    assert_rejected(ledger.mark_records_processed(&by, BatchId(7), &keys(0..1)).await);
    assert_rejected(ledger.abort_batch_processing(&by, BatchId(1)).await);
    let state = ledger.observe(&task()).await.unwrap().unwrap();
    assert_eq!((state.committed, state.open_batches.len()), (BatchId(1), 1));
}

#[tokio::test]
async fn a_refused_part_refuses_the_whole_commit() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
    let before = ledger.observe(&task()).await.unwrap();
    let gap = Commit::of(BatchId(1)).and_begin(batch(9, keys(0..3)));
    assert_rejected(ledger.commit_batch_processing(&by, gap).await);
    let old = Commit::of(BatchId(1)).and_save(checkpoint(0));
    ledger.save_checkpoint(&by, checkpoint(5)).await.unwrap();
    assert_rejected(ledger.commit_batch_processing(&by, old).await);
    let after = ledger.observe(&task()).await.unwrap().unwrap();
    assert_eq!((after.committed, after.open_batches), (BatchId(0), before.unwrap().open_batches));
}

#[tokio::test]
async fn an_abort_takes_the_batches_behind_it_along() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for n in 1..=3 {
        ledger.begin_batch_processing(&by, batch(n, keys(n * 10..n * 10 + 5))).await.unwrap();
    }
    ledger.abort_batch_processing(&by, BatchId(2)).await.unwrap();
    let status = ledger.record_status(&by, &[key(10), key(20), key(30)]).await.unwrap();
    assert_eq!(status, [RecordStatus::Pending(BatchId(1)), RecordStatus::New, RecordStatus::New]);
    ledger.begin_batch_processing(&by, batch(2, keys(20..22))).await.unwrap();
}

#[tokio::test]
async fn a_position_that_goes_back_is_refused() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    let back = |n: u64| Batch { next_positions: positions(50), ..batch(n, vec![]) };
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
    assert_rejected(ledger.begin_batch_processing(&by, back(2)).await);
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    assert_rejected(ledger.begin_batch_processing(&by, back(2)).await);
}

#[tokio::test]
async fn open_batches_are_bounded() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for n in 1..=16 {
        ledger.begin_batch_processing(&by, batch(n, vec![])).await.unwrap();
    }
    assert_rejected(ledger.begin_batch_processing(&by, batch(17, vec![])).await);
}

#[tokio::test]
async fn what_does_not_fit_into_the_store_is_refused_before_it_is_sent() {
    let guarantees = StoreGuarantees {
        class: DurabilityClass::Process,
        linearizable: true,
        shared: false,
        max_value_bytes: 400,
        max_puts: 3,
    };
    let rig = Rig::default();
    let store = MemoryStore::with_guarantees(guarantees);
    let ledger = Ledger::new(Arc::new(store.clone()), Arc::<TestClock>::clone(&rig.clock), config());
    let by = ledger.claim(&task(), &rig.claimant()).await.unwrap().ownership;
    let before = store.trips().commits;
    let too_many_chunks = ledger.begin_batch_processing(&by, batch(1, keys(0..12))).await.unwrap_err();
    assert_eq!(too_many_chunks.code(), Code::StateTooLarge);
    let mut wide = batch(1, vec![]);
    for n in 0..100 {
        wide.next_positions.insert(velostream_core::SplitId::new(format!("in/{n}")), crate::rig::at(1));
    }
    let wide = ledger.begin_batch_processing(&by, wide).await.unwrap_err();
    assert_eq!(wide.code(), Code::StateTooLarge);
    assert_eq!(store.trips().commits, before);
    ledger.begin_batch_processing(&by, batch(1, keys(0..8))).await.unwrap();
}
