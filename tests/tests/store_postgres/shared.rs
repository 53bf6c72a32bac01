//! Shared ids: beside their model, with replies that are lost, and the tables of an earlier release.

use std::time::Duration;

use bytes::Bytes;
use velostream_conformance::agree;
use velostream_core::{
    Code, ConditionalStore, Disposition, Epoch, InTurn, Member, Nonce, Result, Settlement, SharedId,
    SharedIds, Turn,
};
use velostream_store_memory::MemoryStore;
use velostream_store_postgres::{Dialect, PostgresConfig, PostgresStore, migrate};
use velostream_testkit::run_name;

use crate::lost::{root, stands};
use crate::relay::{Fate, Relay};
use crate::server::{TestServer, name, run};

fn beside_model(server: &TestServer, dialect: Dialect, seeds: std::ops::Range<u64>) {
    run(async {
        let store = PostgresStore::open(server.config(dialect)).await.unwrap();
        for seed in seeds {
            let set = format!("model-{seed}-{}", run_name());
            agree(&MemoryStore::new(), &store, &set, seed, 200).await.unwrap();
        }
    });
}

pub(crate) fn model(server: &TestServer) {
    beside_model(server, Dialect::PostgreSql, 0..3);
}

pub(crate) fn model_of_cockroachdb(server: &TestServer) {
    beside_model(server, Dialect::CockroachDb, 3..6);
}

/// A set in a store whose connection loses something of each call, the same store without losses, and the model.
struct Lossy {
    relay: Relay,
    fate: Fate,
    lossy: PostgresStore,
    store: PostgresStore,
    model: MemoryStore,
    member: Member,
    turn: Turn,
    applied: usize,
}

impl Lossy {
    async fn new(server: &TestServer, set: &str, fate: Fate) -> Self {
        let relay = Relay::to(server.server.port());
        let mut config = server.behind(relay.port());
        config.statement_timeout = Duration::from_secs(3);
        let lossy = PostgresStore::open(config).await.unwrap();
        let store = PostgresStore::open(server.config(Dialect::PostgreSql)).await.unwrap();
        let member = Member::new(set, "m").unwrap();
        let turn = Turn { epoch: Epoch(3), nonce: Nonce(7), number: 0 };
        Self { relay, fate, lossy, store, model: MemoryStore::new(), member, turn, applied: 0 }
    }

    /// Loses something of a call, and makes it again: the answer is the model's, which never lost anything.
    async fn call<T, F>(&mut self, call: F) -> T
    where
        T: PartialEq + std::fmt::Debug,
        F: AsyncFn(&dyn SharedIds) -> Result<T>,
    {
        let before = self.store.member(&self.member).await.unwrap();
        // The connection stands before it breaks.
        self.lossy.health_check(Duration::from_secs(60)).await.unwrap();
        self.relay.next(self.fate);
        let error = call(&self.lossy).await.unwrap_err();
        assert_eq!(
            (error.disposition(), error.code()),
            (Disposition::Reconcile, Code::StoreUnavailable),
            "{error}"
        );
        self.applied += usize::from(self.store.member(&self.member).await.unwrap() != before);
        let again = call(&self.store).await.unwrap();
        assert_eq!(again, call(&self.model).await.unwrap());
        self.alike().await;
        again
    }

    async fn alike(&self) {
        let (found, wanted) = (self.store.member(&self.member).await, self.model.member(&self.member).await);
        assert_eq!(found.unwrap(), wanted.unwrap());
    }

    /// The number of the new turn says how often it was done.
    async fn enter(&mut self) {
        self.lossy.health_check(Duration::from_secs(60)).await.unwrap();
        let Turn { epoch, nonce, .. } = self.turn;
        self.relay.next(self.fate);
        let error = self.lossy.enter(&self.member, epoch, nonce).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "nothing but a question was sent: {error}");
        self.lossy.health_check(Duration::from_secs(60)).await.unwrap();
        self.relay.after(1, self.fate);
        let error = self.lossy.enter(&self.member, epoch, nonce).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
        let InTurn::Done(entered) = self.store.enter(&self.member, epoch, nonce).await.unwrap() else {
            panic!("nobody else enters")
        };
        let times = entered.turn.number - self.turn.number;
        assert!((1..=2).contains(&times), "{entered:?}");
        for _ in 0..times {
            self.model.enter(&self.member, epoch, nonce).await.unwrap();
        }
        self.turn = entered.turn;
        self.alike().await;
    }

    async fn take(&mut self, ids: &[u8], expired_ms: i64) {
        let (member, turn) = (self.member.clone(), self.turn);
        let ids: Vec<SharedId> = ids.iter().map(|id| [*id; 16]).collect();
        self.call(async |store| store.take(&member, turn, &ids, expired_ms).await).await;
    }

    async fn settle(&mut self, settlement: Settlement) {
        let (member, turn) = (self.member.clone(), self.turn);
        self.call(async |store| store.settle(&member, turn, settlement.clone()).await).await;
        self.turn = turn.next();
    }

    /// What is removed by the lost try is not said again.
    async fn expire(&mut self, until_ms: i64) {
        self.lossy.health_check(Duration::from_secs(60)).await.unwrap();
        self.relay.next(self.fate);
        let error = self.lossy.expire(self.member.set(), until_ms).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
        let found = self.store.expire(self.member.set(), until_ms).await.unwrap();
        let wanted = self.model.expire(self.member.set(), until_ms).await.unwrap();
        assert_eq!((found.left, found.oldest_ms), (wanted.left, wanted.oldest_ms));
        assert!(found.removed == wanted.removed || found.removed == 0, "{found:?}");
    }
}

fn delivered(at_ms: i64, note: &'static str) -> Settlement {
    Settlement::Delivered { at_ms, note: note.into() }
}

/// How many of the calls were applied although their replies were lost.
async fn each_call(server: &TestServer, fate: Fate) -> usize {
    let set = format!("lost-{}-{}", fate as u8, run_name());
    let mut lossy = Lossy::new(server, &set, fate).await;
    lossy.enter().await;
    lossy.take(&[1, 2, 3], 0).await;
    let (member, turn) = (lossy.member.clone(), lossy.turn);
    let note = Bytes::from_static(b"promised");
    lossy.call(async |store| store.promise(&member, turn, note.clone()).await).await;
    lossy.settle(delivered(10, "first")).await;
    lossy.take(&[3, 4, 5], 9).await;
    lossy.settle(Settlement::Released).await;
    lossy.take(&[3, 6], 10).await;
    lossy.settle(delivered(20, "second")).await;
    lossy.expire(10).await;
    lossy.call(async |store| store.leave(&member).await).await;
    lossy.applied
}

pub(crate) fn replies(server: &TestServer) {
    run(each_call(server, Fate::LoseReply));
}

pub(crate) fn requests(server: &TestServer) {
    assert_eq!(run(each_call(server, Fate::LoseRequest)), 0);
}

pub(crate) fn held(server: &TestServer) {
    assert_eq!(run(each_call(server, Fate::HoldReply)), 8, "the server had the requests until it answered");
}

/// The tables as the release before made them.
fn make_first_format(server: &TestServer, schema: &str) {
    for statement in [
        format!("CREATE SCHEMA {schema}"),
        format!(
            "CREATE TABLE {schema}.entry (key text COLLATE \"C\" PRIMARY KEY, version bigint NOT NULL, \
             crc bigint NOT NULL, value bytea NOT NULL)"
        ),
        format!("CREATE TABLE {schema}.format (id integer PRIMARY KEY, version integer NOT NULL)"),
        format!("INSERT INTO {schema}.format VALUES (1, 1)"),
    ] {
        server.server.sql(&statement).unwrap();
    }
}

pub(crate) fn upgrade(server: &TestServer) {
    let mut config = PostgresConfig::new(server.server.url("postgres"));
    config.schema = "earlier".into();
    make_first_format(server, &config.schema);
    run(async {
        let error = PostgresStore::open(config.clone()).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reject, "{error}");
        assert!(error.remedy().contains("state init"), "{}", error.remedy());
        // A row that a worker of this release wrote, as one of the release before did too.
        let worker = PostgresStore::open(server.config(Dialect::PostgreSql)).await.unwrap();
        worker.commit(&[], root("earlier/root", None, "v")).await.unwrap();
        let schema = name(Dialect::PostgreSql);
        let row =
            format!("INSERT INTO earlier.entry SELECT * FROM {schema}.entry WHERE key = 'earlier/root'");
        server.server.sql(&row).unwrap();
        for _ in 0..2 {
            migrate(&config).await.unwrap();
        }
        let store = PostgresStore::open(config.clone()).await.unwrap();
        store.attest().await.unwrap();
        assert_eq!(stands(&store, "earlier/root").await.unwrap().value, "v");
        agree(&MemoryStore::new(), &store, "earlier", 1, 50).await.unwrap();
        server.server.sql("ALTER TABLE earlier.shared_id SET UNLOGGED").unwrap();
        let error = store.attest().await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (Code::StoreWeak, Disposition::Reject), "{error}");
        server.server.sql("DROP TABLE earlier.shared_id").unwrap();
        store.attest().await.unwrap_err();
    });
}
