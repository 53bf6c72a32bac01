//! Shared ids: beside their model, after reopening, and in a file that an earlier release made.

#![allow(clippy::unwrap_used, reason = "a broken test shows itself by a panic")]

use redb::{Database, ReadableDatabase as _, TableDefinition};
use velostream_conformance::agree;
use velostream_core::{
    Code, ConditionalStore as _, Epoch, InTurn, Member, MemberState, Nonce, RootWrite, Settlement,
    SharedIds as _, Taking, Turn,
};
use velostream_store_memory::MemoryStore;
use velostream_store_redb::{Config, RedbStore};

const FIRST: Turn = Turn { epoch: Epoch(1), nonce: Nonce(2), number: 1 };

fn member(set: &str) -> Member {
    Member::new(set, "m").unwrap()
}

async fn enter(store: &RedbStore, set: &str) {
    let entered = store.enter(&member(set), FIRST.epoch, FIRST.nonce).await.unwrap();
    assert!(matches!(entered, InTurn::Done(MemberState { turn: FIRST, .. })), "{entered:?}");
}

#[tokio::test]
async fn shared_ids_answer_as_their_model() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::open(Config::new(directory.path().join("a.redb"))).await.unwrap();
    for seed in 0..8 {
        agree(&MemoryStore::new(), &store, &format!("set-{seed}"), seed, 200).await.unwrap();
    }
}

#[tokio::test]
async fn shared_ids_of_a_set_are_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::open(Config::new(directory.path().join("a.redb"))).await.unwrap();
    for set in ["a", "a.", "aa", "b"] {
        enter(&store, set).await;
        let taken = store.take(&member(set), FIRST, &[[9; 16], [0; 16], [255; 16]], 0).await.unwrap();
        assert_eq!(taken, InTurn::Done(Taking::Taken { delivered: vec![None; 3], total: 3 }));
    }
    store.leave(&member("a")).await.unwrap();
    assert!(store.members("a").await.unwrap().is_empty());
    for set in ["a.", "aa", "b"] {
        assert_eq!(store.members(set).await.unwrap(), ["m"]);
        assert_eq!(store.member(&member(set)).await.unwrap().unwrap().held, 3);
    }
}

#[tokio::test]
async fn shared_ids_stand_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path().join("a.redb"));
    let (model, mut store) = (MemoryStore::new(), RedbStore::open(config.clone()).await.unwrap());
    for seed in 0..20 {
        // The model goes on too: both know the set from the second time on.
        agree(&model, &store, "set", seed, 20).await.unwrap();
        store.close().await;
        store = RedbStore::open(config.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn shared_ids_come_to_a_file_of_the_release_before() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path().join("a.redb"));
    let store = RedbStore::open(config.clone()).await.unwrap();
    store.commit(&[], RootWrite { key: "root".into(), expected: None, value: "v".into() }).await.unwrap();
    // Nothing of shared ids is in a file until a job has some: it is what the release before makes.
    assert_eq!(store.member(&member("set")).await.unwrap(), None);
    assert!(store.members("set").await.unwrap().is_empty());
    store.close().await;
    let tables = Database::open(&config.path).unwrap().begin_read().unwrap().list_tables().unwrap().count();
    assert_eq!(tables, 2);
    let store = RedbStore::open(config).await.unwrap();
    enter(&store, "set").await;
    assert_eq!(store.read(&["root"]).await.unwrap().remove(0).unwrap().value, "v");
}

#[tokio::test]
async fn shared_id_that_stands_nowhere_is_corrupt_and_changes_nothing() {
    const IDS: TableDefinition<'static, (&str, &[u8; 16]), &[u8]> = TableDefinition::new("shared_ids");
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path().join("a.redb"));
    let store = RedbStore::open(config.clone()).await.unwrap();
    enter(&store, "set").await;
    store.take(&member("set"), FIRST, &[[1; 16]], 0).await.unwrap();
    store.close().await;
    let database = Database::open(&config.path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(IDS).unwrap().insert(("set", &[1; 16]), &b"?"[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = RedbStore::open(config).await.unwrap();
    let error = store.take(&member("set"), FIRST, &[[2; 16], [1; 16]], 0).await.unwrap_err();
    assert_eq!(error.code(), Code::StateCorrupt, "{error}");
    assert_eq!(store.member(&member("set")).await.unwrap().unwrap().held, 1);
    let settled = store.settle(&member("set"), FIRST, Settlement::Released).await.unwrap();
    assert_eq!(settled, InTurn::Done(FIRST.next()));
}
