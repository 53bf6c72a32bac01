//! The real driver and worker over in-process ends that fail on demand: whatever happens, the sink holds each record
//! once and in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "worker/deduplication.rs"]
mod deduplication;
#[path = "worker/ends.rs"]
mod ends;

use std::sync::Arc;
use std::time::Duration;

use ends::{Fault, MemoryMembership, MemoryReader, MemorySink, records};
use tokio::sync::watch;
use velostream_core::{Clock, DeliveryLevel, Disposition};
use velostream_processor::{
    Backoff, ExactlyOnceMetrics, LaneParts, SystemClock, Transactions, Worker, WorkerConfig,
};

const RECORDS: u64 = 500;

fn worker(sink: &MemorySink, membership: &Arc<MemoryMembership>, lanes: usize) -> Worker {
    let config = WorkerConfig {
        transactions: Transactions {
            max_interval: Duration::from_millis(5),
            max_bytes: 64,
            pass_through: true,
        },
        backoff: Backoff { base: Duration::from_millis(1), max: Duration::from_millis(2) },
        bounded: true,
        max_decoded_bytes: 1 << 20,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let metrics = ExactlyOnceMetrics::new("test", "w0", DeliveryLevel::ExactlyOnceTransactional);
    let parts = (0..lanes)
        .map(|n| LaneParts {
            reader: Box::new(MemoryReader::new(RECORDS)),
            lane: Box::new(sink.lane(n)),
            deduplication: None,
        })
        .collect();
    Worker::new(config, Arc::clone(membership) as _, clock, metrics, parts)
}

async fn run(worker: Worker) -> velostream_core::Result<()> {
    let run = worker.run(watch::Sender::new(Vec::new()));
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("the worker comes to an end")
}

fn assert_complete(sink: &MemorySink, splits: &[&str]) {
    for split in splits {
        assert_eq!(sink.committed(split), records(RECORDS), "{split}");
    }
}

#[tokio::test]
async fn a_bounded_job_over_two_lanes_delivers_each_record_once_in_order_and_ends() {
    let splits = ["a", "b", "c", "d"];
    let sink = MemorySink::new(&[]);
    let membership = MemoryMembership::owning(&splits);
    run(worker(&sink, &membership, 2)).await.unwrap();
    assert_complete(&sink, &splits);
    assert!(membership.has_left());
}

#[tokio::test]
async fn a_split_stays_in_its_lane_from_one_assignment_to_the_next() {
    let splits = ["a", "b", "c", "d"];
    let sink = MemorySink::new(&[]);
    let membership = MemoryMembership::owning(&splits);
    for _ in 0..3 {
        run(worker(&sink, &membership, 2)).await.unwrap();
        membership.own(&splits);
    }
    for split in splits {
        assert_eq!(sink.lanes_of(split).len(), 1, "{split}");
    }
    assert_complete(&sink, &splits);
}

#[tokio::test]
async fn every_single_fault_at_every_call_leaves_each_record_once_in_order() {
    let calls = {
        let sink = MemorySink::new(&[]);
        run(worker(&sink, &MemoryMembership::owning(&["a", "b"]), 1)).await.unwrap();
        sink.calls()
    };
    // The first calls cover every kind of call; the rest repeats them.
    for at in 0..calls.min(40) {
        for disposition in [Disposition::Retry, Disposition::Reconcile, Disposition::Abort] {
            for applied in [false, true] {
                let sink = MemorySink::new(&[Fault { at, disposition, applied }]);
                let outcome = run(worker(&sink, &MemoryMembership::owning(&["a", "b"]), 1)).await;
                outcome.unwrap_or_else(|e| panic!("call {at}, {disposition}, applied {applied}: {e}"));
                assert_complete(&sink, &["a", "b"]);
            }
        }
    }
}

#[tokio::test]
async fn a_refused_membership_is_waited_out_and_the_next_one_goes_on_from_the_committed_position() {
    let sink = MemorySink::new(&[Fault { at: 9, disposition: Disposition::Fenced, applied: false }]);
    let membership = MemoryMembership::owning(&["a"]);
    let again = Arc::clone(&membership);
    tokio::spawn(async move {
        for _ in 0..5 {
            tokio::time::timeout(Duration::from_millis(30), std::future::pending::<()>()).await.ok();
            again.lose();
            again.own(&["a"]);
        }
    });
    run(worker(&sink, &membership, 1)).await.unwrap();
    assert_complete(&sink, &["a"]);
}

#[tokio::test]
async fn a_bounded_worker_that_lost_its_membership_waits_for_the_next_one() {
    let sink = MemorySink::new(&[]);
    let membership = MemoryMembership::owning(&["a"]);
    membership.lose();
    let again = Arc::clone(&membership);
    tokio::spawn(async move {
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.ok();
        again.own(&["a"]);
    });
    run(worker(&sink, &membership, 1)).await.unwrap();
    assert_complete(&sink, &["a"]);
}

#[tokio::test]
async fn a_bounded_worker_whose_share_is_done_ends_only_once_the_whole_job_is() {
    let sink = MemorySink::new(&[]);
    let membership = MemoryMembership::owning(&["a"]);
    membership.of_job(&["a", "b"], &sink, RECORDS);
    let running = tokio::spawn(run(worker(&sink, &membership, 2)));
    // Asked again and again while somebody else holds the other split and delivers nothing of it.
    membership.asked(4).await;
    assert!(!membership.has_left() && !running.is_finished());
    assert_complete(&sink, &["a"]);
    assert!(sink.committed("b").is_empty());
    // The other one's session has ended.
    membership.own(&["a", "b"]);
    running.await.unwrap().unwrap();
    assert_complete(&sink, &["a", "b"]);
}

#[tokio::test]
async fn an_error_that_only_an_operator_can_mend_ends_the_worker_with_it() {
    let sink = MemorySink::new(&[Fault { at: 7, disposition: Disposition::Reject, applied: false }]);
    let error = run(worker(&sink, &MemoryMembership::owning(&["a"]), 1)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reject);
    let held = sink.committed("a");
    assert_eq!(held, records(u64::try_from(held.len()).unwrap()), "what is committed is a whole beginning");
}

#[tokio::test]
async fn a_stop_commits_what_is_open_and_leaves() {
    let sink = MemorySink::new(&[]);
    let membership = MemoryMembership::owning(&["a"]);
    let worker = worker(&sink, &membership, 1);
    worker.stop_handle().stop();
    run(worker).await.unwrap();
    let held = sink.committed("a");
    assert_eq!(held, records(u64::try_from(held.len()).unwrap()));
    assert!(membership.has_left());
}
