//! The contract, as the least privileged user, on PostgreSQL and under CockroachDB's dialect with SERIALIZABLE.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use libtest_mimic::{Failed, Trial};
use tokio::sync::Mutex;
use velostream_conformance::{Fixture, SharedFixture};
use velostream_core::{ConditionalStore, SharedIds};
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
            trials.extend(contract_not_applicable::<Fixture>(title, why));
            trials.extend(contract_not_applicable::<SharedFixture>(&format!("{title}::shared"), why));
            continue;
        }
        let configured = Configured { server, foreign, dialect };
        let of_store = configured.clone();
        let factory: Factory = Arc::new(move |_| {
            let config = of_store.config()?;
            Ok(Box::pin(async move { fixture(config.await).await }))
        });
        let shared: Factory<SharedFixture> = Arc::new(move |_| {
            let config = configured.config()?;
            Ok(Box::pin(async move { shared_fixture(config.await).await }))
        });
        trials.extend(contract_trials(title, &factory));
        let of_ids = format!("{title}::shared");
        trials.extend(contract_trials(&of_ids, &shared));
        if dialect == Dialect::PostgreSql {
            trials.extend(contract_trials_through_wrappers(title, &factory));
            trials.extend(contract_trials_through_wrappers(&of_ids, &shared));
        }
    }
    trials
}

/// Where the cases of a dialect run.
#[derive(Clone)]
struct Configured {
    server: Option<Arc<TestServer>>,
    foreign: Option<String>,
    dialect: Dialect,
}

impl Configured {
    fn config(&self) -> Result<BoxFuture<'static, PostgresConfig>, Failed> {
        if let Some(url) = self.foreign.clone() {
            return Ok(Box::pin(foreign_config(url, self.dialect)));
        }
        // Trials are listed without a server, and never run so.
        let config = self.server.as_ref().ok_or("no server")?.config(self.dialect);
        Ok(Box::pin(async move { config }))
    }
}

/// On the server of somebody else, as the user of its URL, who makes the tables.
async fn foreign_config(url: String, dialect: Dialect) -> PostgresConfig {
    let mut config = PostgresConfig::new(url);
    config.dialect = dialect;
    static MIGRATED: Mutex<Vec<Dialect>> = Mutex::const_new(Vec::new());
    let mut migrated = MIGRATED.lock().await;
    if !migrated.contains(&dialect) {
        migrate(&config).await.unwrap();
        migrated.push(dialect);
    }
    drop(migrated);
    config
}

fn case() -> String {
    format!("case-{}-{}", run_name(), CASES.fetch_add(1, Ordering::Relaxed))
}

async fn fixture(config: PostgresConfig) -> Fixture {
    let store = PostgresStore::open(config.clone()).await.unwrap();
    Fixture::new(Arc::new(store)).with_prefix(format!("{}/", case())).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(PostgresStore::open(config).await.unwrap());
            again
        })
    }))
}

async fn shared_fixture(config: PostgresConfig) -> SharedFixture {
    let store = PostgresStore::open(config.clone()).await.unwrap();
    SharedFixture::new(Arc::new(store)).with_set(case()).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn SharedIds> = Arc::new(PostgresStore::open(config).await.unwrap());
            again
        })
    }))
}
