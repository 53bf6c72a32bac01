//! The contract, as the least privileged user, on PostgreSQL and under CockroachDB's dialect with SERIALIZABLE.

use std::sync::Arc;

use libtest_mimic::Trial;
use velostream_conformance::{Fixture, STORE_CASES};
use velostream_core::ConditionalStore;
use velostream_store_postgres::{Dialect, PostgresConfig, PostgresStore};

use crate::server::TestServer;

pub(crate) fn trials(server: Option<&Arc<TestServer>>) -> Vec<Trial> {
    let dialects = [("postgresql", Dialect::PostgreSql), ("cockroachdb", Dialect::CockroachDb)];
    let mut trials = Vec::new();
    for (title, dialect) in dialects {
        for case in STORE_CASES {
            let (name, server) = (case.name, server.map(Arc::clone));
            trials.push(Trial::test(format!("{title}::{name}"), move || {
                if let Some(server) = server {
                    let config = server.config(dialect);
                    velostream_conformance::run(name, || fixture(config, name));
                }
                Ok(())
            }));
        }
    }
    trials
}

async fn fixture(config: PostgresConfig, name: &str) -> Fixture {
    let store = PostgresStore::open(config.clone()).await.unwrap();
    Fixture::new(Arc::new(store)).with_prefix(format!("{name}/")).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(PostgresStore::open(config).await.unwrap());
            again
        })
    }))
}
