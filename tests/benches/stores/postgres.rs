//! PostgreSQL, beside tables with a row for each id in the same server.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio_postgres::{Client, NoTls};
use velostream_core::ConditionalStore;
use velostream_store_postgres::{PostgresConfig, PostgresStore, migrate};
use velostream_testkit::services::PostgresServer;

use crate::keys::Keys;
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
        for keys in Keys::ALL {
            let (table, id) = table(keys);
            let create = format!("CREATE TABLE {table} (id {id} PRIMARY KEY, at timestamptz NOT NULL)");
            client.batch_execute(&create).await?;
        }
        Ok(Self { store, client, _server: server })
    }

    /// Table, index and what is kept beside the table, behind a vacuum.
    async fn size(&self, table: &str) -> Result<u64> {
        self.client.batch_execute(&format!("VACUUM {table}")).await?;
        let row = self.client.query_one(&format!("SELECT pg_total_relation_size('{table}')"), &[]).await?;
        u64::try_from(row.get::<_, i64>(0)).context("a negative size")
    }
}

/// The table of these keys, and the type of its ids.
const fn table(keys: Keys) -> (&'static str, &'static str) {
    match keys {
        Keys::Short => ("naive", "bytea"),
        Keys::Whole => ("naive_whole", "text"),
    }
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

    async fn naive_mark(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<()> {
        let (table, id) = table(keys);
        let insert = format!(
            "INSERT INTO {table} SELECT id, now() FROM unnest($1::{id}[]) AS id ON CONFLICT DO NOTHING"
        );
        match keys {
            Keys::Short => self.client.execute(&insert, &[&ids]).await?,
            Keys::Whole => self.client.execute(&insert, &[&texts(ids)?]).await?,
        };
        Ok(())
    }

    async fn naive_check(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<usize> {
        let (table, id) = table(keys);
        let select =
            format!("SELECT count(*) FROM unnest($1::{id}[]) AS asked JOIN {table} ON {table}.id = asked");
        let row = match keys {
            Keys::Short => self.client.query_one(&select, &[&ids]).await?,
            Keys::Whole => self.client.query_one(&select, &[&texts(ids)?]).await?,
        };
        usize::try_from(row.get::<_, i64>(0)).context("a negative count")
    }

    async fn naive_bytes(&self, keys: Keys) -> Result<Option<u64>> {
        self.size(table(keys).0).await.map(Some)
    }
}

fn texts(ids: &[Vec<u8>]) -> Result<Vec<&str>> {
    ids.iter().map(|id| std::str::from_utf8(id).context("an id is no text")).collect()
}
