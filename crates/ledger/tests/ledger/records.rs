//! Record ids: pending, processed, expired, lost.

use velostream_core::{BatchId, Code, ConditionalStore, Disposition};
use velostream_ledger::{Commit, Ownership, RecordStatus, StateStore};
use velostream_store_memory::Fault;

use crate::rig::{BUCKET_MS, Rig, batch, checkpoint, key, keys, task};

async fn committed(ledger: &dyn StateStore, by: &Ownership, n: u64, ids: std::ops::Range<u64>) {
    ledger.begin_batch_processing(by, batch(n, keys(ids))).await.unwrap();
    ledger.commit_batch_processing(by, Commit::of(BatchId(n))).await.unwrap();
}

/// Keys of id chunks and checkpoints that the store holds.
async fn objects(rig: &Rig) -> Vec<String> {
    rig.store.list("orders-dr.lane-0/o/", None, 1000).await.unwrap()
}

#[tokio::test]
async fn ids_are_pending_until_their_batch_commits() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..3))).await.unwrap();
    ledger.mark_records_processed(&by, BatchId(1), &keys(3..5)).await.unwrap();
    for n in 0..5 {
        assert!(!ledger.is_record_processed(&by, &key(n)).await.unwrap());
    }
    let pending = RecordStatus::Pending(BatchId(1));
    assert_eq!(ledger.record_status(&by, &keys(0..6)).await.unwrap()[..5], [pending; 5]);
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    let processed = ledger.record_status(&by, &keys(0..6)).await.unwrap();
    assert_eq!(processed[..5], [RecordStatus::Processed; 5]);
    assert_eq!(processed[5], RecordStatus::New);
}

#[tokio::test]
async fn a_new_owner_knows_what_its_predecessors_processed_and_left_open() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    committed(&first, &by, 1, 0..10).await;
    let (second, by) = rig.owner().await;
    committed(&second, &by, 2, 10..20).await;
    second.begin_batch_processing(&by, batch(3, keys(20..30))).await.unwrap();
    let (third, by) = rig.owner().await;
    let status = third.record_status(&by, &keys(0..31)).await.unwrap();
    assert_eq!(status[..20], [RecordStatus::Processed; 20]);
    assert_eq!(status[20..30], [RecordStatus::Pending(BatchId(3)); 10]);
    assert_eq!(status[30], RecordStatus::New);
    third.commit_batch_processing(&by, Commit::of(BatchId(3))).await.unwrap();
    assert!(third.is_record_processed(&by, &key(25)).await.unwrap());
    let (fourth, by) = rig.owner().await;
    assert!(fourth.is_record_processed(&by, &key(25)).await.unwrap());
}

#[tokio::test]
async fn an_open_batch_that_a_new_owner_aborts_is_forgotten() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    first.begin_batch_processing(&by, batch(1, keys(0..9))).await.unwrap();
    let (second, by) = rig.owner().await;
    assert_eq!(second.record_status(&by, &[key(1)]).await.unwrap(), [RecordStatus::Pending(BatchId(1))]);
    second.abort_batch_processing(&by, BatchId(1)).await.unwrap();
    assert_eq!(second.record_status(&by, &[key(1)]).await.unwrap(), [RecordStatus::New]);
    committed(&second, &by, 1, 0..9).await;
    assert!(second.is_record_processed(&by, &key(8)).await.unwrap());
}

/// A long run of batches keeps one entry in the root.
#[tokio::test]
async fn chunks_of_a_steady_owner_are_one_run() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..9))).await.unwrap();
    for n in 1..200 {
        let next = batch(n + 1, keys(n * 9..n * 9 + 9));
        ledger.commit_batch_processing(&by, Commit::of(BatchId(n)).and_begin(next)).await.unwrap();
    }
    let root = rig.store.read(&["orders-dr.lane-0/root"]).await.unwrap().remove(0).unwrap();
    assert!(root.value.len() < 250, "{} bytes", root.value.len());
    let (second, by) = rig.owner().await;
    let status = second.record_status(&by, &keys(0..1791)).await.unwrap();
    assert!(status.iter().all(|s| *s == RecordStatus::Processed));
}

#[tokio::test]
async fn a_listed_chunk_that_is_missing_is_an_error_for_every_question() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    committed(&first, &by, 1, 0..10).await;
    let lost = objects(&rig).await.remove(1);
    rig.store.lose(&lost);
    let (second, by) = rig.owner().await;
    for n in [0, 999] {
        let error = second.is_record_processed(&by, &key(n)).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (Code::StateLost, Disposition::Corrupt));
        assert!(error.to_string().contains(&lost), "{error}");
    }
    second.forget_records(&by).await.unwrap();
    assert!(!second.is_record_processed(&by, &key(0)).await.unwrap());
    // A position says that the ids in front of it are there.
    let state = second.observe(&task()).await.unwrap().unwrap();
    assert_eq!((state.tracked_records, state.positions.len()), (0, 0));
}

#[tokio::test]
async fn id_counts_up_to_the_given_time_and_again_once_it_was_processed_later() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.clock.set(1500);
    committed(&ledger, &by, 1, 0..2).await;
    rig.clock.set(1700);
    committed(&ledger, &by, 2, 1..3).await;
    let counts = async |ledger: &dyn StateStore, by: &Ownership, since| {
        let ids = [key(0), key(1), key(2)];
        let statuses = ledger.record_status_since(by, &ids, since).await.unwrap();
        statuses.iter().map(|status| *status == RecordStatus::Processed).collect::<Vec<_>>()
    };
    for (since, expected) in [
        (1499, [true, true, true]),
        (1500, [false, true, true]),
        (1699, [false, true, true]),
        (1700, [false; 3]),
    ] {
        assert_eq!(counts(&ledger, &by, since).await, expected, "{since}");
    }
    // As loaded from the store, and by a ledger whose buckets have another width.
    let (second, by) = rig.owner().await;
    assert_eq!(counts(&second, &by, 1500).await, [false, true, true]);
}

#[tokio::test]
async fn oldest_ids_are_forgotten_bucket_by_bucket_until_none_is_left() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for (n, ms) in [(1, 500), (2, 1500), (3, 1600)] {
        rig.clock.set(ms);
        committed(&ledger, &by, n, n * 10..n * 10 + 6).await;
    }
    let first = ledger.forget_oldest_records(&by).await.unwrap();
    assert_eq!((first.cleanup.records, first.until_ms), (6, Some(BUCKET_MS)));
    assert!(!ledger.is_record_processed(&by, &key(10)).await.unwrap());
    assert!(ledger.is_record_processed(&by, &key(20)).await.unwrap());
    let second = ledger.forget_oldest_records(&by).await.unwrap();
    assert_eq!((second.cleanup.records, second.until_ms), (12, Some(2 * BUCKET_MS)));
    assert_eq!(ledger.forget_oldest_records(&by).await.unwrap().until_ms, None);
}

#[tokio::test]
async fn a_damaged_chunk_is_an_error_that_names_its_key() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    committed(&first, &by, 1, 0..10).await;
    let keys = objects(&rig).await;
    let good = rig.store.snapshot();
    let other = rig.store.read(&[&keys[1]]).await.unwrap().remove(0).unwrap().value;
    let mut flipped = other.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    for (at, value) in [(0, other.to_vec()), (1, flipped), (2, b"VSid".to_vec()), (0, Vec::new())] {
        rig.store.roll_back(&good);
        rig.store.damage(&keys[at], value);
        let (second, by) = rig.owner().await;
        let error = second.is_record_processed(&by, &key(0)).await.unwrap_err();
        assert_eq!(
            (error.code(), error.disposition()),
            (Code::StateCorrupt, Disposition::Corrupt),
            "{error}"
        );
        assert!(error.to_string().contains(&keys[at]), "{error}");
    }
}

/// A zombie that loads its index after a cleanup by its successor must not call that a loss.
#[tokio::test]
async fn a_fenced_owner_that_finds_no_chunk_is_fenced() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    committed(&first, &by, 1, 0..10).await;
    let (zombie, old) = rig.owner().await;
    let (third, by) = rig.owner().await;
    third.forget_records(&by).await.unwrap();
    crate::rig::assert_fenced(zombie.is_record_processed(&old, &key(0)).await);
}

#[tokio::test]
async fn ids_expire_by_whole_buckets_and_never_early() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for (n, ms) in [(1, 500), (2, 999), (3, 1000), (4, 2500)] {
        rig.clock.set(ms);
        committed(&ledger, &by, n, n * 10..n * 10 + 6).await;
    }
    assert_eq!(objects(&rig).await.len(), 8);
    let nothing = ledger.cleanup_old_records(&by, BUCKET_MS - 1).await.unwrap();
    assert_eq!((nothing.records, nothing.deleted), (0, 0));
    let first = ledger.cleanup_old_records(&by, BUCKET_MS).await.unwrap();
    assert_eq!((first.records, first.deleted, first.left), (12, 4, 0));
    assert!(!ledger.is_record_processed(&by, &key(20)).await.unwrap());
    assert!(ledger.is_record_processed(&by, &key(30)).await.unwrap());
    assert_eq!(objects(&rig).await.len(), 4);
    let (second, by) = rig.owner().await;
    assert!(!second.is_record_processed(&by, &key(10)).await.unwrap());
    assert!(second.is_record_processed(&by, &key(45)).await.unwrap());
    assert_eq!(second.observe(&task()).await.unwrap().unwrap().tracked_records, 12);
}

#[tokio::test]
async fn a_clock_that_goes_back_expires_nothing_early() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.clock.set(9500);
    committed(&ledger, &by, 1, 0..3).await;
    rig.clock.set(-5);
    committed(&ledger, &by, 2, 10..13).await;
    ledger.cleanup_old_records(&by, 9999).await.unwrap();
    assert!(ledger.is_record_processed(&by, &key(10)).await.unwrap());
    ledger.cleanup_old_records(&by, 10_000).await.unwrap();
    assert!(!ledger.is_record_processed(&by, &key(10)).await.unwrap());
}

#[tokio::test]
async fn a_sweep_deletes_garbage_and_nothing_else() {
    let rig = Rig::default();
    let (first, by) = rig.owner().await;
    committed(&first, &by, 1, 0..6).await;
    first.begin_batch_processing(&by, batch(2, keys(6..12))).await.unwrap();
    first.abort_batch_processing(&by, BatchId(2)).await.unwrap();
    first.begin_batch_processing(&by, batch(2, keys(20..26))).await.unwrap();
    rig.store.script_commits([Fault::Torn]);
    rig.store.script_reads([Fault::NotReached]);
    first.begin_batch_processing(&by, batch(3, keys(30..36))).await.unwrap_err();
    for n in 1..=5 {
        first.save_checkpoint(&by, checkpoint(n)).await.unwrap();
    }
    assert_eq!(objects(&rig).await.len(), 2 + 2 + 2 + 2 + 3);
    let (second, by) = rig.owner().await;
    let swept = second.sweep(&by).await.unwrap();
    assert_eq!((swept.deleted, swept.left), (4, 0));
    assert_eq!(objects(&rig).await.len(), 2 + 2 + 3);
    let status = second.record_status(&by, &[key(0), key(20), key(6), key(30)]).await.unwrap();
    let pending = RecordStatus::Pending(BatchId(2));
    assert_eq!(status, [RecordStatus::Processed, pending, RecordStatus::New, RecordStatus::New]);
}

/// Puts may be there before their root; a sweep in between must not take what the root is about to list.
#[tokio::test]
async fn a_commit_that_lands_after_a_sweep_lists_nothing_that_was_swept() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    committed(&ledger, &by, 1, 0..3).await;
    rig.store.script_commits([Fault::Delayed]);
    rig.store.script_reads([Fault::NotReached]);
    ledger.begin_batch_processing(&by, batch(2, keys(10..13))).await.unwrap_err();
    ledger.sweep(&by).await.unwrap();
    assert_eq!(rig.store.land_delayed(), 0);
    assert!(ledger.observe(&task()).await.unwrap().unwrap().open_batches.is_empty());
    ledger.begin_batch_processing(&by, batch(2, keys(10..13))).await.unwrap();
}

#[tokio::test]
async fn what_a_cleanup_cannot_delete_is_swept_later() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    committed(&ledger, &by, 1, 0..6).await;
    rig.store.script_commits([Fault::None, Fault::NotReached]);
    let cleanup = ledger.forget_records(&by).await.unwrap();
    assert_eq!((cleanup.records, cleanup.deleted, cleanup.left), (6, 0, 2));
    assert_eq!(ledger.sweep(&by).await.unwrap().deleted, 2);
    assert!(objects(&rig).await.is_empty());
}
