//! The real driver, tracker and ledger over ends and a store that fail on demand: whatever happens, the sink holds each
//! content once.

#[path = "deduplication/event_faults.rs"]
mod event_faults;
#[path = "deduplication/event_time.rs"]
mod event_time;
#[path = "deduplication/lane.rs"]
mod lane;
#[path = "deduplication/overlap.rs"]
mod overlap;
#[path = "deduplication/rig.rs"]
mod rig;
#[path = "deduplication/shared.rs"]
mod shared;
#[path = "deduplication/window.rs"]
mod window;

use std::collections::BTreeSet;

use velostream_core::{Code, Disposition};
use velostream_processor::{OnIdLoss, OnTrackingLimit};
use velostream_store_memory::Fault as StoreFault;

use self::rig::Rig;
use crate::ends::{Fault, MemoryMembership, MemorySink, records};

/// Records of each split; every third value comes again, also in the other split.
const RECORDS: u64 = 120;

fn value(n: u64) -> u64 {
    n / 3 * 2 + n % 2
}

/// Every value once, over both splits.
fn assert_each_value_once(sink: &MemorySink) {
    let held: Vec<u64> = ["a", "b"].iter().flat_map(|split| sink.committed(split)).collect();
    let distinct: BTreeSet<u64> = held.iter().copied().collect();
    let expected: BTreeSet<u64> = (0..RECORDS).map(value).collect();
    assert_eq!(distinct, expected);
    assert_eq!(held.len(), distinct.len(), "a value was delivered twice");
}

#[tokio::test]
async fn records_that_come_again_are_delivered_once_over_all_splits() {
    let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
    let totals = rig.run(&sink, RECORDS, value).await.unwrap();
    assert_each_value_once(&sink);
    let delivered = u64::try_from((0..RECORDS).map(value).collect::<BTreeSet<_>>().len()).unwrap();
    assert_eq!((totals.records, totals.duplicates), (delivered, 2 * RECORDS - delivered));
    assert_eq!(totals.tracked_records, delivered);
}

#[tokio::test]
async fn every_single_fault_of_the_sink_leaves_each_content_once() {
    let calls = {
        let sink = MemorySink::new(&[]);
        Rig::new().run(&sink, RECORDS, value).await.unwrap();
        sink.calls()
    };
    for at in 0..calls {
        for disposition in [Disposition::Retry, Disposition::Reconcile] {
            for applied in [false, true] {
                let sink = MemorySink::new(&[Fault { at, disposition, applied }]);
                let outcome = Rig::new().run(&sink, RECORDS, value).await;
                outcome.unwrap_or_else(|e| panic!("call {at}, {disposition}, applied {applied}: {e}"));
                assert_each_value_once(&sink);
            }
        }
    }
}

#[tokio::test]
async fn every_single_fault_of_the_store_leaves_each_content_once() {
    for at in 0..40 {
        for fault in [StoreFault::NotReached, StoreFault::ReplyLost, StoreFault::Lost, StoreFault::Torn] {
            let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
            rig.store.script_commits(std::iter::repeat_n(StoreFault::None, at).chain([fault]));
            rig.run(&sink, RECORDS, value).await.unwrap_or_else(|e| panic!("commit {at}: {e}"));
            assert_each_value_once(&sink);
        }
    }
}

#[tokio::test]
async fn single_fault_of_the_store_at_the_end_of_a_run_is_no_failure() {
    for at in 0..40 {
        let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
        rig.store.script_commits(std::iter::repeat_n(StoreFault::None, at).chain([StoreFault::NotReached]));
        let run = rig.run_as(&MemoryMembership::owning(&["a"]), &sink, 90, |n| n).await;
        run.unwrap_or_else(|e| panic!("commit {at}: {e}"));
        assert_eq!(sink.committed("a"), records(90));
    }
}

/// A worker that stops dead at any call, and another one that starts where it left off.
#[tokio::test]
async fn worker_that_dies_at_any_call_is_followed_by_one_that_leaves_each_content_once() {
    for at in 0..60 {
        for applied in [false, true] {
            let death = Fault { at, disposition: Disposition::Corrupt, applied };
            let (rig, sink) = (Rig::new(), MemorySink::new(&[death]));
            // Nothing of a dead worker tells the store how its last transaction ended.
            drop(rig.run(&sink, RECORDS, value).await);
            rig.run(&sink, RECORDS, value).await.unwrap();
            assert_each_value_once(&sink);
        }
    }
}

#[tokio::test]
async fn store_that_lost_any_number_of_writes_is_rebuilt_or_stops_the_job() {
    for kept in 0..12 {
        let sink = MemorySink::new(&[]);
        let rig = Rig::new();
        let empty = rig.store.snapshot();
        let death = MemorySink::new(&[Fault { at: 30, disposition: Disposition::Corrupt, applied: true }]);
        // A first life that leaves an old state behind, on a sink of the same calls.
        drop(Rig::with_store(&rig.store).run(&death, RECORDS, value).await);
        let old = rig.store.snapshot();
        rig.store.roll_back(&empty);
        rig.run(&sink, RECORDS / 2 + kept, value).await.unwrap();
        rig.store.roll_back(if kept % 2 == 0 { &empty } else { &old });
        let mut stopping = Rig::with_store(&rig.store);
        stopping.on_id_loss = OnIdLoss::Stop;
        let lost = stopping.run(&sink, RECORDS, value).await;
        assert_eq!(lost.unwrap_err().code(), Code::StateLost);
        Rig::with_store(&rig.store).run(&sink, RECORDS, value).await.unwrap();
        assert_each_value_once(&sink);
    }
}

#[tokio::test]
async fn rebuilding_counts_an_id_that_comes_again_once() {
    let (mut rig, sink) = (Rig::new(), MemorySink::new(&[]));
    let empty = rig.store.snapshot();
    let ids = u64::try_from((0..RECORDS).map(value).collect::<BTreeSet<_>>().len()).unwrap();
    rig.max_tracked_records = ids;
    rig.run(&sink, RECORDS, value).await.unwrap();
    rig.store.roll_back(&empty);
    let totals = rig.run(&sink, RECORDS, value).await.unwrap();
    assert_eq!((totals.records, totals.tracked_records), (0, ids));
    assert_each_value_once(&sink);
}

#[tokio::test]
async fn damaged_chunk_is_rebuilt() {
    let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
    rig.run(&sink, RECORDS / 2, value).await.unwrap();
    let key = rig.chunk_keys().await.remove(0);
    rig.store.lose(&key);
    rig.run(&sink, RECORDS, value).await.unwrap();
    assert_each_value_once(&sink);
}

#[tokio::test]
async fn store_ahead_of_the_sink_stops_the_job() {
    let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
    rig.run(&sink, RECORDS, value).await.unwrap();
    let emptied = MemorySink::new(&[]);
    let error = rig.run(&emptied, RECORDS, value).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::SinkWentBack, Disposition::Reject));
    assert!(emptied.committed("a").is_empty());
}

#[tokio::test]
async fn bound_of_ids_stops_the_job_or_shrinks_the_window_and_loses_nothing() {
    let mut rig = Rig::new();
    rig.max_tracked_records = 30;
    let sink = MemorySink::new(&[]);
    let error = rig.run(&sink, RECORDS, value).await.unwrap_err();
    assert_eq!(error.code(), Code::StateTooLarge);
    rig.on_tracking_limit = OnTrackingLimit::ShrinkWindow;
    let totals = rig.run(&sink, RECORDS, value).await.unwrap();
    assert!(totals.tracked_records <= 30, "{totals:?}");
    let held: BTreeSet<u64> = ["a", "b"].iter().flat_map(|split| sink.committed(split)).collect();
    assert_eq!(held, (0..RECORDS).map(value).collect());
}

#[tokio::test]
async fn membership_that_moves_in_the_middle_changes_nothing() {
    let (rig, sink) = (Rig::new(), MemorySink::new(&[]));
    let membership = MemoryMembership::owning(&["a"]);
    rig.run_as(&membership, &sink, RECORDS, value).await.unwrap();
    membership.own(&["b"]);
    rig.run_as(&membership, &sink, RECORDS, value).await.unwrap();
    assert_each_value_once(&sink);
}
