//! Each fault does what its name says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

use velostream_core::{ConditionalStore, Disposition, Outcome, Put, RootVersion, RootWrite};
use velostream_store_memory::{Fault, MemoryStore};

fn root(expected: Option<RootVersion>, value: &'static str) -> RootWrite {
    RootWrite { key: "t/root".into(), expected, value: value.into() }
}

fn put(key: &str, value: &'static str) -> Put {
    Put { key: key.into(), value: value.into() }
}

async fn value(store: &MemoryStore, key: &str) -> Option<String> {
    let found = store.read(&[key]).await.unwrap().remove(0);
    found.map(|v| String::from_utf8(v.value.to_vec()).unwrap())
}

async fn version(store: &MemoryStore) -> Option<RootVersion> {
    store.read(&["t/root"]).await.unwrap().remove(0).map(|v| v.version)
}

#[tokio::test]
async fn faults_of_a_commit_leave_what_their_names_say() {
    let cases = [
        (Fault::NotReached, Disposition::Retry, None, None),
        (Fault::ReplyLost, Disposition::Reconcile, Some("p"), Some("r")),
        (Fault::Lost, Disposition::Reconcile, None, None),
        (Fault::Torn, Disposition::Reconcile, Some("p"), None),
        (Fault::Delayed, Disposition::Reconcile, None, None),
    ];
    for (fault, disposition, puts, roots) in cases {
        let store = MemoryStore::new();
        store.script_commits([fault]);
        let error = store.commit(&[put("t/p", "p")], root(None, "r")).await.unwrap_err();
        assert_eq!(error.disposition(), disposition, "{fault:?}");
        assert_eq!(value(&store, "t/p").await.as_deref(), puts, "{fault:?}");
        assert_eq!(value(&store, "t/root").await.as_deref(), roots, "{fault:?}");
    }
}

#[tokio::test]
async fn a_delayed_commit_lands_only_where_its_condition_still_holds() {
    let store = MemoryStore::new();
    store.script_commits([Fault::Delayed, Fault::Delayed]);
    store.commit(&[], root(None, "a")).await.unwrap_err();
    store.commit(&[], root(None, "b")).await.unwrap_err();
    assert_eq!(store.land_delayed(), 1);
    assert_eq!(value(&store, "t/root").await.as_deref(), Some("a"));
    assert_eq!(store.land_delayed(), 0);
}

#[tokio::test]
async fn histories_that_part_never_share_a_version_again() {
    let store = MemoryStore::new();
    store.commit(&[], root(None, "a")).await.unwrap();
    let before = store.snapshot();
    let base = version(&store).await;
    store.commit(&[], root(base, "old owner")).await.unwrap();
    let lost = version(&store).await;
    store.roll_back(&before);
    assert_eq!(version(&store).await, base);
    store.commit(&[], root(base, "new owner")).await.unwrap();
    let outcome = store.commit(&[], root(lost, "zombie")).await.unwrap();
    let Outcome::Conflict(Some(current)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(&current.value[..], b"new owner");
}

#[tokio::test]
async fn a_put_that_changes_a_value_is_refused_and_nothing_is_written() {
    let store = MemoryStore::new();
    store.commit(&[put("t/p", "1")], root(None, "a")).await.unwrap();
    let standing = version(&store).await;
    let error = store.commit(&[put("t/q", "1"), put("t/p", "2")], root(standing, "b")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reject);
    assert_eq!(value(&store, "t/q").await, None);
    assert_eq!(value(&store, "t/root").await.as_deref(), Some("a"));
}

#[tokio::test]
async fn keys_outside_the_grammar_are_refused() {
    let store = MemoryStore::new();
    let long = "k".repeat(513);
    for key in ["", "A", "a b", "a:b", long.as_str()] {
        let write = RootWrite { key: key.into(), expected: None, value: "v".into() };
        assert_eq!(store.commit(&[], write).await.unwrap_err().disposition(), Disposition::Reject, "{key}");
    }
}

#[tokio::test]
async fn reads_fail_by_script_and_heal_forgets_the_script() {
    let store = MemoryStore::new();
    store.script_reads([Fault::NotReached, Fault::NotReached]);
    assert!(store.read(&["k"]).await.is_err());
    store.heal();
    assert!(store.read(&["k"]).await.is_ok());
    assert_eq!(store.trips().reads, 2);
}
