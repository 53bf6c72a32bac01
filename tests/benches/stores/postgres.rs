//! PostgreSQL, beside a table with a row for each id in the same server.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio_postgres::{Client, NoTls};
use velostream_core::ConditionalStore;
use velostream_record_id::TrackerKey;
use velostream_store_postgres::{PostgresConfig, PostgresStore, migrate};
use velostream_testkit::services::PostgresServer;

use crate::subject::Subject;

pub(crate) struct Postgres {
    store: PostgresStore,
    client: Client,
    // Ends behind its clients.
    _server: PostgresServer,
}

impl Postgres {
    pub(crate) async fn open() -> Result<Self> {
        let server = tokio::task::spawn_blocking(|| PostgresServer::start(&[])).await??;
        let config = PostgresConfig::new(server.url("postgres"));
        migrate(&config).await?;
        let store = PostgresStore::open(config).await?;
        let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE naive (id bytea PRIMARY KEY, at timestamptz NOT NULL)").await?;
        Ok(Self { store, client, _server: server })
    }

    /// Table, index and what is kept beside the table, behind a vacuum.
    async fn size(&self, table: &str) -> Result<u64> {
        self.client.batch_execute(&format!("VACUUM {table}")).await?;
        let row = self.client.query_one(&format!("SELECT pg_total_relation_size('{table}')"), &[]).await?;
        u64::try_from(row.get::<_, i64>(0)).context("a negative size")
    }
}

fn bytes(ids: &[TrackerKey]) -> Vec<&[u8]> {
    ids.iter().map(|id| &id.0[..]).collect()
}

#[async_trait]
impl Subject for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL 15"
    }

    fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::new(self.store.clone())
    }

    async fn packed_bytes(&self) -> Result<Option<u64>> {
        self.size("velostream.entry").await.map(Some)
    }

    async fn naive_mark(&self, ids: &[TrackerKey]) -> Result<()> {
        let insert =
            "INSERT INTO naive SELECT id, now() FROM unnest($1::bytea[]) AS id ON CONFLICT DO NOTHING";
        self.client.execute(insert, &[&bytes(ids)]).await?;
        Ok(())
    }

    async fn naive_check(&self, ids: &[TrackerKey]) -> Result<usize> {
        let select = "SELECT count(*) FROM unnest($1::bytea[]) AS asked JOIN naive ON naive.id = asked";
        let row = self.client.query_one(select, &[&bytes(ids)]).await?;
        usize::try_from(row.get::<_, i64>(0)).context("a negative count")
    }

    async fn naive_bytes(&self) -> Result<Option<u64>> {
        self.size("naive").await.map(Some)
    }
}
