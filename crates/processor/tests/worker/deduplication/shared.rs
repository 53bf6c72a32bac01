//! Two jobs that share ids, each with a sink of its own: whatever fails and whoever dies, the two sinks together hold each
//! content once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use velostream_core::{Code, Disposition, Member, Result, SharedIds};
use velostream_processor::{OnIdLoss, Sharing, Totals};
use velostream_store_memory::Fault as StoreFault;

use super::rig::Rig;
use super::{RECORDS, value};
use crate::ends::{Fault, MemorySink};

/// A job over the store of a rig, and where it delivers.
struct Job {
    rig: Rig,
    sink: MemorySink,
}

impl Job {
    fn new(name: &'static str, store: &Rig, faults: &[Fault]) -> Self {
        let mut rig = Rig::with_store(&store.store);
        rig.task = name;
        let ids = Arc::clone(&store.store) as Arc<dyn SharedIds>;
        rig.sharing = Some(Sharing { ids, member: Member::new("set", name).unwrap() });
        Self { rig, sink: MemorySink::new(faults) }
    }

    async fn run(&self) -> Result<Totals> {
        self.rig.run(&self.sink, RECORDS, value).await
    }

    fn held(&self) -> Vec<u64> {
        ["a", "b"].iter().flat_map(|split| self.sink.committed(split)).collect()
    }
}

/// Every value once, over both sinks.
fn assert_each_value_once(jobs: &[&Job], said: &str) {
    let held: Vec<u64> = jobs.iter().flat_map(|job| job.held()).collect();
    let distinct: BTreeSet<u64> = held.iter().copied().collect();
    assert_eq!(distinct, (0..RECORDS).map(value).collect(), "{said}");
    assert_eq!(held.len(), distinct.len(), "{said}: a value was delivered twice");
}

async fn run_both(a: &Job, b: &Job) {
    let (one, other) = tokio::join!(a.run(), b.run());
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn two_jobs_of_the_same_records_deliver_each_once_between_them() {
    let store = Rig::new();
    let (a, b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
    run_both(&a, &b).await;
    assert_each_value_once(&[&a, &b], "at the same time");
    let late = Job::new("late", &store, &[]);
    let totals = late.run().await.unwrap();
    assert_eq!((totals.records, totals.duplicates), (0, 2 * RECORDS));
    assert_each_value_once(&[&a, &b, &late], "one after the other");
}

#[tokio::test]
async fn every_single_fault_of_a_sink_leaves_each_content_once_between_two_jobs() {
    let calls = {
        let alone = Job::new("a", &Rig::new(), &[]);
        alone.run().await.unwrap();
        alone.sink.calls()
    };
    for at in 0..calls {
        for disposition in [Disposition::Retry, Disposition::Reconcile] {
            for applied in [false, true] {
                let store = Rig::new();
                let fault = Fault { at, disposition, applied };
                let (a, b) = (Job::new("a", &store, &[fault]), Job::new("b", &store, &[]));
                run_both(&a, &b).await;
                assert_each_value_once(&[&a, &b], &format!("{fault:?}"));
            }
        }
    }
}

#[tokio::test]
async fn every_single_fault_of_the_store_leaves_each_content_once_between_two_jobs() {
    for at in 0..120 {
        for fault in [StoreFault::NotReached, StoreFault::ReplyLost, StoreFault::Lost] {
            let store = Rig::new();
            let (a, b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
            store.store.script_commits(std::iter::repeat_n(StoreFault::None, at).chain([fault]));
            run_both(&a, &b).await;
            assert_each_value_once(&[&a, &b], &format!("call {at}, {fault:?}"));
        }
    }
}

/// One job stops dead at any call while the other goes on and has to wait for what the dead one holds.
#[tokio::test]
async fn job_that_dies_at_any_call_holds_its_ids_until_it_comes_back_and_each_content_is_delivered_once() {
    for at in 0..60 {
        for applied in [false, true] {
            let store = Rig::new();
            let death = Fault { at, disposition: Disposition::Corrupt, applied };
            let (a, b) = (Job::new("a", &store, &[death]), Job::new("b", &store, &[]));
            let revived = async {
                drop(a.run().await);
                // Long enough that the other job comes to what the dead one holds.
                tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>()).await.ok();
                a.run().await
            };
            let (one, other) = tokio::join!(revived, b.run());
            one.unwrap();
            other.unwrap();
            assert_each_value_once(&[&a, &b], &format!("{death:?}"));
        }
    }
}

/// A worker whose future is dropped between any two steps, as a process that is killed; the next life settles.
#[tokio::test]
async fn job_that_is_killed_anywhere_is_followed_by_one_that_leaves_each_content_once() {
    for polls in (0..400).step_by(3) {
        let store = Rig::new();
        let (a, b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
        {
            let mut life = std::pin::pin!(a.run());
            for _ in 0..polls {
                if futures::poll!(life.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        tokio::task::yield_now().await;
        run_both(&a, &b).await;
        assert_each_value_once(&[&a, &b], &format!("killed after {polls} polls"));
    }
}

#[tokio::test]
async fn set_that_lost_writes_is_rebuilt_by_each_job_or_stops_it() {
    for kept in 0..12 {
        let store = Rig::new();
        let empty = store.store.snapshot();
        let (mut a, b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
        a.rig.run(&a.sink, RECORDS / 3 + kept, value).await.unwrap();
        let early = store.store.snapshot();
        a.rig.run(&a.sink, RECORDS / 2, value).await.unwrap();
        store.store.roll_back(if kept % 2 == 0 { &empty } else { &early });
        a.rig.on_id_loss = OnIdLoss::Stop;
        assert_eq!(a.run().await.unwrap_err().code(), Code::StateLost);
        a.rig.on_id_loss = OnIdLoss::Rebuild;
        a.run().await.unwrap();
        b.run().await.unwrap();
        assert_each_value_once(&[&a, &b], &format!("kept {kept}"));
    }
}

#[tokio::test]
async fn set_that_is_ahead_of_the_sink_stops_the_job() {
    let store = Rig::new();
    let mut a = Job::new("a", &store, &[]);
    a.run().await.unwrap();
    a.sink = MemorySink::new(&[]);
    let error = a.run().await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::SinkWentBack, Disposition::Reject));
}

#[tokio::test]
async fn jobs_with_different_windows_cannot_share_ids() {
    let store = Rig::new();
    let (a, mut b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
    a.run().await.unwrap();
    b.rig.length = Duration::from_secs(60);
    let error = b.run().await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::Config, Disposition::Reject));
    assert!(error.to_string().contains("60000 ms, a one of 3600000 ms"), "{error}");
}

#[tokio::test]
async fn bound_counts_the_ids_of_all_jobs_and_releases_what_it_refuses() {
    let store = Rig::new();
    let (a, mut b) = (Job::new("a", &store, &[]), Job::new("b", &store, &[]));
    a.rig.run(&a.sink, RECORDS / 2, value).await.unwrap();
    b.rig.max_tracked_records = u64::try_from(a.held().len()).unwrap() + 1;
    assert_eq!(b.run().await.unwrap_err().code(), Code::StateTooLarge);
    b.rig.max_tracked_records = 1000;
    a.run().await.unwrap();
    b.run().await.unwrap();
    assert_each_value_once(&[&a, &b], "after the bound was raised");
}
