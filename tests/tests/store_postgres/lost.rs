//! Requests and replies that are lost, and servers that give up: what the error says, and that it can be settled.

use velostream_core::{
    Code, ConditionalStore, Disposition, Outcome, Put, Result, RootVersion, RootWrite, Versioned,
};
use velostream_store_postgres::{Dialect, PostgresStore};
use velostream_testkit::services::PostgresServer;

use crate::relay::{Fate, Relay};
use crate::server::{TestServer, name, run, settle};

pub(crate) fn root(key: &str, expected: Option<RootVersion>, value: &str) -> RootWrite {
    RootWrite { key: key.into(), expected, value: value.to_owned().into() }
}

pub(crate) async fn stands(store: &PostgresStore, key: &str) -> Option<Versioned> {
    store.read(&[key]).await.unwrap().pop().flatten()
}

fn fails_as<T: std::fmt::Debug>(result: Result<T>, wanted: Disposition) {
    let error = result.unwrap_err();
    assert_eq!((error.disposition(), error.code()), (wanted, Code::StoreUnavailable), "{error}");
}

async fn behind(server: &TestServer) -> (Relay, PostgresStore) {
    let relay = Relay::to(server.server.port());
    let store = PostgresStore::open(server.behind(relay.port())).await.unwrap();
    (relay, store)
}

/// Loses something of a commit; says what stands, and that the repetition is applied once.
async fn commit(server: &TestServer, key: &str, fate: Fate) -> Option<Versioned> {
    let (relay, store) = behind(server).await;
    let puts = [Put { key: format!("{key}/put"), value: "p".into() }];
    relay.next(fate);
    fails_as(store.commit(&puts, root(key, None, "v")).await, Disposition::Reconcile);
    let found = stands(&store, key).await;
    let again = store.commit(&puts, root(key, None, "v")).await.unwrap();
    let now = stands(&store, key).await.unwrap();
    assert_eq!(again, Outcome::Applied(now.version));
    assert_eq!(stands(&store, &puts[0].key).await.unwrap().value, "p");
    assert!(found.is_none() || found.as_ref() == Some(&now));
    found
}

pub(crate) fn commit_reply(server: &TestServer) {
    let found = run(commit(server, "lost/reply", Fate::LoseReply));
    assert!(found.is_some(), "the server had the request and the connection until it answered");
}

pub(crate) fn commit_request(server: &TestServer) {
    assert_eq!(run(commit(server, "lost/request", Fate::LoseRequest)), None);
}

pub(crate) fn commit_held(server: &TestServer) {
    assert!(run(commit(server, "lost/held", Fate::HoldReply)).is_some());
}

pub(crate) fn reads(server: &TestServer) {
    run(async {
        let (relay, store) = behind(server).await;
        for fate in [Fate::LoseReply, Fate::LoseRequest, Fate::HoldReply] {
            store.health_check(std::time::Duration::from_secs(60)).await.unwrap();
            relay.next(fate);
            fails_as(store.read(&["lost/read"]).await, Disposition::Retry);
            assert_eq!(stands(&store, "lost/read").await, None);
            relay.next(fate);
            fails_as(store.list("lost/read", None, 1).await, Disposition::Retry);
            assert!(store.list("lost/read", None, 1).await.unwrap().is_empty());
            relay.next(fate);
            fails_as(store.health_check(std::time::Duration::from_secs(60)).await, Disposition::Retry);
        }
    });
}

pub(crate) fn delete(server: &TestServer) {
    run(async {
        let (relay, store) = behind(server).await;
        store.commit(&[], root("lost/delete", None, "v")).await.unwrap();
        relay.next(Fate::LoseReply);
        fails_as(store.delete(&["lost/delete"]).await, Disposition::Reconcile);
        store.delete(&["lost/delete"]).await.unwrap();
        assert_eq!(stands(&store, "lost/delete").await, None);
    });
}

/// The server fails `times` writes of keys below `prefix` with a SQLSTATE. A sequence counts, which no rollback undoes.
fn inject(server: &TestServer, prefix: &str, state: &str, times: u32) {
    let schema = name(Dialect::CockroachDb);
    let fault = format!("fault_{state}");
    let statements = [
        format!("CREATE SEQUENCE {schema}.{fault}"),
        format!(
            "CREATE FUNCTION {schema}.{fault}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
             IF nextval('{schema}.{fault}') <= {times} THEN RAISE EXCEPTION 'restart transaction' \
             USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
        ),
        format!(
            "CREATE TRIGGER {fault} BEFORE INSERT ON {schema}.entry FOR EACH ROW \
             WHEN (NEW.key LIKE '{prefix}%') EXECUTE FUNCTION {schema}.{fault}()"
        ),
    ];
    statements.iter().for_each(|statement| server.server.sql(statement).unwrap());
}

pub(crate) fn serialization_failures(server: &TestServer) {
    inject(server, "injected/40001", "40001", 5);
    run(async {
        let store = PostgresStore::open(server.config(Dialect::CockroachDb)).await.unwrap();
        let done = store.commit(&[], root("injected/40001", None, "v")).await.unwrap();
        assert_eq!(done, Outcome::Applied(stands(&store, "injected/40001").await.unwrap().version));
    });
    assert_eq!(server.server.ask("SELECT last_value FROM cockroach_worker.fault_40001").unwrap(), "6");
}

pub(crate) fn completion_unknown(server: &TestServer) {
    inject(server, "injected/40003", "40003", 1);
    run(async {
        let store = PostgresStore::open(server.config(Dialect::CockroachDb)).await.unwrap();
        fails_as(store.commit(&[], root("injected/40003", None, "v")).await, Disposition::Reconcile);
        let done = store.commit(&[], root("injected/40003", None, "v")).await.unwrap();
        assert!(matches!(done, Outcome::Applied(_)), "{done:?}");
    });
    assert_eq!(server.server.ask("SELECT last_value FROM cockroach_worker.fault_40003").unwrap(), "2");
}

/// A server of its own, since it dies.
pub(crate) fn killed(_: &TestServer) {
    let mut own = TestServer { server: PostgresServer::start(&[]).unwrap() };
    settle(&own.server);
    let config = own.config(Dialect::PostgreSql);
    run(async {
        let store = PostgresStore::open(config).await.unwrap();
        for round in 0..3 {
            let key = format!("killed/{round}");
            let writer = tokio::spawn(count(store.clone(), key.clone()));
            while stands(&store, &key).await.is_none() {
                tokio::task::yield_now().await;
            }
            own.server.kill().unwrap();
            let (answered, error) = writer.await.unwrap();
            assert!(matches!(error, Disposition::Reconcile | Disposition::Retry), "{error}");
            own.server.launch().unwrap();
            let found = settled(&store, &key).await;
            assert!(found == answered || found == answered + 1, "{answered} were answered, {found} stand");
        }
    });
}

/// Counts a root up until a commit fails: the last answered value, and how it failed.
pub(crate) async fn count(store: PostgresStore, key: String) -> (u64, Disposition) {
    let (mut value, mut version) = (0u64, None);
    loop {
        match store.commit(&[], root(&key, version, &(value + 1).to_string())).await {
            Ok(Outcome::Applied(next)) => (value, version) = (value + 1, Some(next)),
            Ok(Outcome::Conflict(found)) => panic!("nobody else writes, but {found:?} stands"),
            Err(error) => return (value, error.disposition()),
        }
    }
}

/// The count that stands once the server answers again.
pub(crate) async fn settled(store: &PostgresStore, key: &str) -> u64 {
    loop {
        match store.read(&[key]).await {
            Ok(mut found) => {
                let value = found.pop().flatten().map(|found| found.value).unwrap_or_default();
                return std::str::from_utf8(&value).unwrap().parse().unwrap_or_default();
            }
            Err(error) => assert_eq!(error.disposition(), Disposition::Retry, "{error}"),
        }
    }
}
