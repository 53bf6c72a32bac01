//! A primary with a synchronous standby.

use std::time::Duration;

use velostream_core::{Code, ConditionalStore, Disposition, DurabilityClass};
use velostream_store_postgres::{Dialect, PostgresConfig, PostgresStore};
use velostream_testkit::services::PostgresServer;

use crate::lost::{count, root, settled, stands};
use crate::server::{name, run, settle};

fn config(hosts: &[&PostgresServer]) -> PostgresConfig {
    let hosts: Vec<String> = hosts.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    let name = name(Dialect::PostgreSql);
    let mut config = PostgresConfig::new(format!("postgresql://{name}@{}/postgres", hosts.join(",")));
    config.schema = name.into();
    config
}

async fn refused(config: PostgresConfig) {
    let store = PostgresStore::open(config).await.unwrap();
    let error = store.attest().await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::StoreWeak, Disposition::Reject), "{error}");
}

pub(crate) fn promoted() {
    let mut primary = PostgresServer::start(&[]).unwrap();
    settle(&primary);
    let standby = PostgresServer::standby_of(&primary, "near").unwrap();
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (near)'").unwrap();
    primary.sql("SELECT pg_reload_conf()").unwrap();
    while primary.ask("SELECT sync_state FROM pg_stat_replication").unwrap() != "quorum" {
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut both = config(&[&primary, &standby]);
    both.class = DurabilityClass::Zone;
    run(async {
        let mut alone = config(&[&standby]);
        alone.connect_timeout = Duration::from_secs(60);
        let error = PostgresStore::open(alone).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "a standby takes no writes: {error}");

        let store = PostgresStore::open(both.clone()).await.unwrap();
        store.attest().await.unwrap();
        let writer = tokio::spawn(count(store.clone(), "pair/root".into()));
        while stands(&store, "pair/root").await.is_none() {
            tokio::task::yield_now().await;
        }
        primary.kill().unwrap();
        let (answered, _) = writer.await.unwrap();
        standby.promote().unwrap();
        let found = settled(&store, "pair/root").await;
        assert!(found == answered || found == answered + 1, "{answered} were answered, {found} stand");
        store.commit(&[], root("pair/other", None, "v")).await.unwrap();
        refused(both).await;
    });
}

pub(crate) fn weakened() {
    let server = PostgresServer::start(&[]).unwrap();
    settle(&server);
    let weak = config(&[&server]);
    run(async {
        let store = PostgresStore::open(weak.clone()).await.unwrap();
        store.attest().await.unwrap();
        let mut zone = weak.clone();
        zone.class = DurabilityClass::Zone;
        refused(zone).await;
        for setting in ["synchronous_commit", "full_page_writes", "fsync"] {
            server.sql(&format!("ALTER SYSTEM SET {setting} = off")).unwrap();
            server.sql("SELECT pg_reload_conf()").unwrap();
            while server.ask(&format!("SHOW {setting}")).unwrap() != "off" {
                std::thread::sleep(Duration::from_millis(50));
            }
            refused(weak.clone()).await;
            server.sql(&format!("ALTER SYSTEM RESET {setting}")).unwrap();
        }
    });
}
