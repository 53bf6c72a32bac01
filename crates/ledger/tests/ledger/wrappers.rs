//! What stands around a store: tries again only where nothing was applied, tells of every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{
    Clock, ConditionalStore, Disposition, Epoch, InTurn, Member, Nonce, Outcome, RootWrite, Settlement,
    SharedIds, Taking,
};
use velostream_ledger::{ObservedStore, RetryPolicy, RetryingStore, StoreCall, StoreObserver};
use velostream_store_memory::{Fault, MemoryStore};

/// A clock on which every question takes a millisecond, and which keeps what was slept.
#[derive(Debug, Default)]
struct Ticking {
    now: Mutex<Duration>,
    slept: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Clock for Ticking {
    fn monotonic(&self) -> Duration {
        let mut now = self.now.lock().unwrap();
        *now += Duration::from_millis(1);
        *now
    }

    fn unix_ms(&self) -> i64 {
        0
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
    }
}

fn retrying(store: &MemoryStore, attempts: u32) -> (RetryingStore<MemoryStore>, Arc<Ticking>) {
    let clock = Arc::new(Ticking::default());
    let policy = RetryPolicy { attempts, ..RetryPolicy::default() };
    let shared: Arc<Ticking> = Arc::clone(&clock);
    (RetryingStore::new(Arc::new(store.clone()), shared, policy), clock)
}

fn root() -> RootWrite {
    RootWrite { key: "a/root".into(), expected: None, value: "1".into() }
}

#[tokio::test]
async fn retrying_store_that_is_reached_in_time_hides_the_failures() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 4);
    store.script_commits([Fault::NotReached, Fault::NotReached, Fault::NotReached]);
    assert!(matches!(retrying.commit(&[], root()).await.unwrap(), Outcome::Applied(_)));
    store.script_reads([Fault::NotReached]);
    assert!(retrying.read(&["a/root"]).await.unwrap()[0].is_some());
    store.script_reads([Fault::NotReached]);
    assert_eq!(retrying.list("a/", None, 9).await.unwrap(), ["a/root"]);
    store.script_commits([Fault::NotReached]);
    retrying.delete(&["a/root"]).await.unwrap();
    assert_eq!((retrying.failures(), clock.slept.lock().unwrap().len()), (6, 6));
}

#[tokio::test]
async fn retrying_store_that_is_not_reached_gives_up_after_its_attempts() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 3);
    store.script_commits([Fault::NotReached; 3]);
    let error = retrying.commit(&[], root()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry);
    assert_eq!((store.trips().commits, clock.slept.lock().unwrap().len()), (3, 2));
}

#[tokio::test]
async fn retrying_store_never_repeats_a_call_whose_reply_was_lost() {
    for fault in [Fault::ReplyLost, Fault::Lost, Fault::Torn, Fault::Delayed] {
        let store = MemoryStore::new();
        let (retrying, clock) = retrying(&store, 9);
        store.script_commits([Fault::NotReached, fault]);
        let error = retrying.commit(&[], root()).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{fault:?}");
        assert_eq!((store.trips().commits, clock.slept.lock().unwrap().len()), (2, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn retrying_store_passes_a_refusal_and_a_conflict_on_at_once() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 9);
    let refused = retrying.commit(&[], RootWrite { key: "A".into(), ..root() }).await.unwrap_err();
    assert_eq!(refused.disposition(), Disposition::Reject);
    retrying.commit(&[], root()).await.unwrap();
    let conflict = retrying.commit(&[], RootWrite { value: "2".into(), ..root() }).await.unwrap();
    assert!(matches!(conflict, Outcome::Conflict(Some(_))));
    assert!(clock.slept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn retrying_store_asks_for_health_once() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 9);
    store.script_reads([Fault::NotReached]);
    assert!(retrying.health_check(Duration::from_secs(1)).await.is_err());
    assert!(clock.slept.lock().unwrap().is_empty());
}

#[test]
fn pause_of_a_retry_grows_to_its_cap_and_never_beyond() {
    let policy = RetryPolicy::default();
    for failure in 1..100 {
        for seed in 0..20 {
            let pause = policy.pause(failure, seed);
            assert!(pause >= policy.base / 2 && pause <= policy.max, "{failure}: {pause:?}");
        }
    }
    assert!(policy.pause(90, 1) >= policy.max / 2);
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<(StoreCall, Duration, Option<Disposition>)>>);

impl StoreObserver for Told {
    fn store_called(&self, call: StoreCall, took: Duration, failed: Option<Disposition>) {
        self.0.lock().unwrap().push((call, took, failed));
    }
}

#[tokio::test]
async fn observed_store_tells_of_every_call_with_its_time_and_how_it_ended() {
    let (store, told) = (MemoryStore::new(), Arc::new(Told::default()));
    let observer: Arc<Told> = Arc::clone(&told);
    let observed = ObservedStore::new(Arc::new(store.clone()), Arc::new(Ticking::default()), observer);
    assert_eq!(observed.guarantees(), store.guarantees());
    observed.commit(&[], root()).await.unwrap();
    assert!(matches!(
        observed.commit(&[], RootWrite { value: "2".into(), ..root() }).await.unwrap(),
        Outcome::Conflict(_)
    ));
    store.script_commits([Fault::ReplyLost, Fault::NotReached]);
    observed.commit(&[], root()).await.unwrap_err();
    observed.delete(&["a/root"]).await.unwrap_err();
    observed.read(&["a/root"]).await.unwrap();
    observed.list("a/", None, 1).await.unwrap();
    observed.attest().await.unwrap();
    observed.health_check(Duration::from_secs(1)).await.unwrap();
    let told: Vec<_> = told.0.lock().unwrap().iter().map(|(call, _, failed)| (*call, *failed)).collect();
    assert_eq!(
        told,
        [
            (StoreCall::Commit, None),
            (StoreCall::Commit, None),
            (StoreCall::Commit, Some(Disposition::Reconcile)),
            (StoreCall::Delete, Some(Disposition::Retry)),
            (StoreCall::Read, None),
            (StoreCall::List, None),
            (StoreCall::Attest, None),
            (StoreCall::HealthCheck, None),
        ]
    );
}

/// Every call on shared ids, in an order in which each does something.
async fn call_all(ids: &impl SharedIds) {
    let member = Member::new("set", "a").unwrap();
    let InTurn::Done(state) = ids.enter(&member, Epoch(1), Nonce(1)).await.unwrap() else { panic!("stale") };
    let taken = ids.take(&member, state.turn, &[[1; 16]], 0).await.unwrap();
    assert_eq!(taken, InTurn::Done(Taking::Taken { delivered: vec![None], total: 1 }));
    ids.promise(&member, state.turn, "note".into()).await.unwrap();
    let settlement = Settlement::Delivered { at_ms: 1, note: "note".into() };
    ids.settle(&member, state.turn, settlement).await.unwrap();
    assert!(ids.member(&member).await.unwrap().is_some());
    assert_eq!(ids.members("set").await.unwrap(), ["a"]);
    assert_eq!(ids.expire("set", 1).await.unwrap().removed, 1);
    ids.leave(&member).await.unwrap();
}

#[tokio::test]
async fn retrying_store_reaches_shared_ids_and_hides_the_failures() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 2);
    store.script_commits([Fault::NotReached, Fault::None].repeat(6));
    store.script_reads([Fault::NotReached, Fault::None].repeat(2));
    call_all(&retrying).await;
    assert_eq!((retrying.failures(), clock.slept.lock().unwrap().len()), (8, 8));
}

#[tokio::test]
async fn retrying_store_never_repeats_a_taking_whose_reply_was_lost() {
    let store = MemoryStore::new();
    let (retrying, clock) = retrying(&store, 9);
    let member = Member::new("set", "a").unwrap();
    let InTurn::Done(state) = store.enter(&member, Epoch(1), Nonce(1)).await.unwrap() else {
        panic!("stale")
    };
    store.script_commits([Fault::ReplyLost]);
    let error = retrying.take(&member, state.turn, &[[1; 16]], 0).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reconcile);
    assert!(clock.slept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn observed_store_tells_of_every_call_on_shared_ids() {
    let told = Arc::new(Told::default());
    let observer: Arc<Told> = Arc::clone(&told);
    let observed = ObservedStore::new(Arc::new(MemoryStore::new()), Arc::new(Ticking::default()), observer);
    call_all(&observed).await;
    let told: Vec<_> =
        told.0.lock().unwrap().iter().map(|(call, _, failed)| (call.as_str(), *failed)).collect();
    let called = [
        "enter",
        "take_ids",
        "promise_ids",
        "settle_ids",
        "read_member",
        "list_members",
        "expire_ids",
        "leave",
    ];
    assert_eq!(told, called.map(|call| (call, None)));
}

#[tokio::test]
async fn observed_store_tells_how_long_the_call_took() {
    let told = Arc::new(Told::default());
    let observer: Arc<Told> = Arc::clone(&told);
    let observed = ObservedStore::new(Arc::new(MemoryStore::new()), Arc::new(Ticking::default()), observer);
    observed.read(&[]).await.unwrap();
    let took: Vec<Duration> = told.0.lock().unwrap().iter().map(|(_, took, _)| *took).collect();
    assert_eq!(took, [Duration::from_millis(1)]);
}
