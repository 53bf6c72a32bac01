//! The contract, as the least privileged user, on PostgreSQL and under CockroachDB's dialect with SERIALIZABLE.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Trial;
use tokio::sync::Mutex;
use velostream_conformance::Fixture;
use velostream_core::ConditionalStore;
use velostream_store_postgres::{Dialect, PostgresConfig, PostgresStore, migrate};
use velostream_testkit::services::foreign_url;
use velostream_testkit::{
    Factory, contract_not_applicable, contract_trials, contract_trials_through_wrappers, run_name,
};

use crate::server::TestServer;

/// Tells the prefixes of cases apart: one case runs several times over.
static CASES: AtomicU32 = AtomicU32::new(0);

pub(crate) fn trials(server: Option<&Arc<TestServer>>) -> Vec<Trial> {
    let dialects = [
        ("postgresql", "POSTGRES", Dialect::PostgreSql),
        ("cockroachdb", "COCKROACHDB", Dialect::CockroachDb),
    ];
    let mut trials = Vec::new();
    for (title, service, dialect) in dialects {
        let (server, foreign) = (server.map(Arc::clone), foreign_url(service));
        if foreign.is_none() && foreign_url("POSTGRES").is_some() {
            let why = "VELOSTREAM_TEST_COCKROACHDB_URL names no server";
            trials.extend(contract_not_applicable(title, why));
            continue;
        }
        let factory: Factory = Arc::new(move |_| {
            if let Some(url) = foreign.clone() {
                return Ok(Box::pin(foreign_fixture(url, dialect)));
            }
            // Trials are listed without a server, and never run so.
            let server = server.as_ref().ok_or("no server")?;
            Ok(Box::pin(fixture(server.config(dialect))))
        });
        trials.extend(contract_trials(title, &factory));
        if dialect == Dialect::PostgreSql {
            trials.extend(contract_trials_through_wrappers(title, &factory));
        }
    }
    trials
}

/// On the server of somebody else, as the user of its URL, who makes the tables.
async fn foreign_fixture(url: String, dialect: Dialect) -> Fixture {
    let mut config = PostgresConfig::new(url);
    config.dialect = dialect;
    static MIGRATED: Mutex<Vec<Dialect>> = Mutex::const_new(Vec::new());
    let mut migrated = MIGRATED.lock().await;
    if !migrated.contains(&dialect) {
        migrate(&config).await.unwrap();
        migrated.push(dialect);
    }
    drop(migrated);
    fixture(config).await
}

async fn fixture(config: PostgresConfig) -> Fixture {
    let prefix = format!("case-{}-{}/", run_name(), CASES.fetch_add(1, Ordering::Relaxed));
    let store = PostgresStore::open(config.clone()).await.unwrap();
    Fixture::new(Arc::new(store)).with_prefix(prefix).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(PostgresStore::open(config).await.unwrap());
            again
        })
    }))
}
