//! Windows by event time in whole workers, with a fault at every call: whatever happens, the sink holds what a plain model
//! of the window lets pass, in order.

use std::time::Duration;

use velostream_core::{Clock, Code, Disposition, Epoch, InstanceName, Nonce, Result};
use velostream_ledger::{Claimant, Ledger, LedgerConfig, StateStore, TaskId};
use velostream_processor::{DeduplicationTime, OnTrackingLimit, SystemClock, Totals};
use velostream_store_memory::Fault as StoreFault;

use super::lane::Model;
use super::rig::Rig;
use crate::ends::{Fault, MemoryMembership, MemorySink};

const RECORDS: u64 = 90;

const WINDOW: Duration = Duration::from_millis(500);

fn value(n: u64) -> u64 {
    n % 7
}

/// Onwards, to and fro, and now and then far back.
fn time(n: u64) -> i64 {
    let back = if n % 17 == 16 { 700 } else { n * 7919 % 13 * 30 };
    i64::try_from(1_000_000 + n * 40 - back).unwrap()
}

fn expected() -> Vec<u64> {
    let mut model = Model::default();
    let window = i64::try_from(WINDOW.as_millis()).unwrap();
    (0..RECORDS).filter(|n| model.passes((value(*n), time(*n)), window)).map(value).collect()
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    (rig.time, rig.times, rig.length) = (DeduplicationTime::Event, time, WINDOW);
    rig
}

async fn run(rig: &Rig, sink: &MemorySink) -> Result<Totals> {
    rig.run_as(&MemoryMembership::owning(&["a"]), sink, RECORDS, value).await
}

#[tokio::test]
async fn every_single_fault_of_the_sink_leaves_what_the_window_lets_pass() {
    let expected = expected();
    assert!((20..80).contains(&expected.len()), "{expected:?}");
    let calls = {
        let sink = MemorySink::new(&[]);
        run(&rig(), &sink).await.unwrap();
        assert_eq!(sink.committed("a"), expected);
        sink.calls()
    };
    for at in 0..calls {
        for disposition in [Disposition::Retry, Disposition::Reconcile] {
            for applied in [false, true] {
                let sink = MemorySink::new(&[Fault { at, disposition, applied }]);
                let outcome = run(&rig(), &sink).await;
                outcome.unwrap_or_else(|e| panic!("call {at}, {disposition}, applied {applied}: {e}"));
                assert_eq!(sink.committed("a"), expected, "call {at}, {disposition}, applied {applied}");
            }
        }
    }
}

#[tokio::test]
async fn every_single_fault_of_the_store_leaves_what_the_window_lets_pass() {
    for at in 0..40 {
        for fault in [StoreFault::NotReached, StoreFault::ReplyLost, StoreFault::Lost, StoreFault::Torn] {
            let (rig, sink) = (rig(), MemorySink::new(&[]));
            rig.store.script_commits(std::iter::repeat_n(StoreFault::None, at).chain([fault]));
            // A worker whose very last confirmation fails ends with an error; what is left is for the next one.
            if run(&rig, &sink).await.is_err() {
                run(&rig, &sink).await.unwrap_or_else(|e| panic!("commit {at}: {e}"));
            }
            assert_eq!(sink.committed("a"), expected(), "commit {at}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn worker_that_dies_at_any_call_or_finds_an_empty_store_is_followed_by_one_that_goes_on() {
    let whole = MemorySink::new(&[]);
    run(&rig(), &whole).await.unwrap();
    for at in 0..whole.calls() {
        for applied in [false, true] {
            for lost in [false, true] {
                let death = Fault { at, disposition: Disposition::Corrupt, applied };
                let (rig, sink) = (rig(), MemorySink::new(&[death]));
                let empty = rig.store.snapshot();
                drop(run(&rig, &sink).await);
                if lost {
                    rig.store.roll_back(&empty);
                }
                run(&rig, &sink).await.unwrap();
                assert_eq!(sink.committed("a"), expected(), "call {at}, applied {applied}, lost {lost}");
            }
        }
    }
}

#[tokio::test]
async fn bound_counts_what_lies_inside_the_window_and_stops_or_shrinks_it() {
    let different = async |rig: &Rig, sink: &MemorySink| {
        rig.run_as(&MemoryMembership::owning(&["a"]), sink, RECORDS, |n| n).await
    };
    let (mut rig, sink) = (rig(), MemorySink::new(&[]));
    // A window holds 13 records, a transaction 9; two of them may be under way.
    rig.max_tracked_records = 40;
    let totals = different(&rig, &sink).await.unwrap();
    assert!(totals.tracked_records <= 40, "{totals:?}");
    assert_eq!(sink.committed("a"), (0..RECORDS).collect::<Vec<_>>());
    let mut small = self::rig();
    small.max_tracked_records = 19;
    let sink = MemorySink::new(&[]);
    assert_eq!(different(&small, &sink).await.unwrap_err().code(), Code::StateTooLarge);
    small.on_tracking_limit = OnTrackingLimit::ShrinkWindow;
    let totals = different(&small, &sink).await.unwrap();
    assert!(totals.tracked_records <= 19, "{totals:?}");
    assert_eq!(sink.committed("a"), (0..RECORDS).collect::<Vec<_>>(), "nothing is lost");
}

#[tokio::test]
async fn ids_that_are_dated_otherwise_stop_the_job_until_they_are_forgotten() {
    for (first, then) in [
        (DeduplicationTime::Arrival, DeduplicationTime::Event),
        (DeduplicationTime::Event, DeduplicationTime::Arrival),
    ] {
        let (mut rig, sink) = (rig(), MemorySink::new(&[]));
        rig.time = first;
        run(&rig, &sink).await.unwrap();
        let before = sink.committed("a");
        rig.time = then;
        let error = run(&rig, &sink).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (Code::JobConfigChanged, Disposition::Reject));
        assert!(error.to_string().contains("deduplication_time"), "{error}");
        let clock = std::sync::Arc::new(SystemClock::new()) as std::sync::Arc<dyn Clock>;
        let ledger = Ledger::new(std::sync::Arc::clone(&rig.store), clock, LedgerConfig::default());
        let claimant = Claimant { owner: InstanceName::new("operator"), nonce: Nonce(7), at_least: Epoch(0) };
        let claimed = ledger.claim(&TaskId::new("job.lane-0").unwrap(), &claimant).await.unwrap();
        ledger.forget_records(&claimed.ownership).await.unwrap();
        run(&rig, &sink).await.unwrap();
        assert_eq!(sink.committed("a"), before, "what the sink holds is known again");
    }
}
