//! Redis, beside `SET processed:ID 1 EX 86400` in the same server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, Pipeline, cmd};
use velostream_core::ConditionalStore;
use velostream_store_redis::{RedisConfig, RedisStore};
use velostream_testkit::services::RedisServer;

use crate::keys::{Keys, hex};
use crate::subject::Subject;

const NAIVE: &str = "processed:";

pub(crate) struct Redis {
    store: RedisStore,
    admin: MultiplexedConnection,
    /// Memory of the server when it was asked last.
    used: AtomicU64,
    // Ends behind its clients.
    _server: RedisServer,
}

impl Redis {
    pub(crate) async fn open() -> Result<Self> {
        let server = tokio::task::spawn_blocking(|| RedisServer::start("bench", &[])).await??;
        let store = RedisStore::open(RedisConfig::single(server.url())).await?;
        // 10,000 synced writes may take longer than the client waits by itself.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
        let admin = Client::open(server.admin_url())?;
        let admin = admin.get_multiplexed_async_connection_with_config(&config).await?;
        let subject = Self { store, admin, used: AtomicU64::new(0), _server: server };
        subject.grown().await?;
        Ok(subject)
    }

    /// By how much the server has grown since it was asked last.
    async fn grown(&self) -> Result<u64> {
        let now = self.used_memory().await?;
        Ok(now.saturating_sub(self.used.swap(now, Ordering::Relaxed)))
    }

    /// All memory that the server has taken from its allocator (command INFO): MEMORY USAGE of a key leaves out the tables
    /// that hold it and its time to live.
    async fn used_memory(&self) -> Result<u64> {
        let info: String = cmd("INFO").arg("memory").query_async(&mut self.admin.clone()).await?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.context("the server does not say how much memory it uses")?.trim().parse().context("used_memory")
    }
}

fn key(keys: Keys, id: &[u8]) -> String {
    match keys {
        Keys::Short => format!("{NAIVE}{}", hex(id)),
        Keys::Whole => format!("{NAIVE}{}", String::from_utf8_lossy(id)),
    }
}

#[async_trait]
impl Subject for Redis {
    fn name(&self) -> &'static str {
        "Redis 7"
    }

    fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::new(self.store.clone())
    }

    async fn packed_bytes(&self) -> Result<Option<u64>> {
        self.grown().await.map(Some)
    }

    async fn naive_mark(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<()> {
        let mut all = Pipeline::new();
        for id in ids {
            all.cmd("SET").arg(key(keys, id)).arg(1).arg("EX").arg(86_400).ignore();
        }
        let () = all.query_async(&mut self.admin.clone()).await.context("cannot set the keys")?;
        Ok(())
    }

    async fn naive_check(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<usize> {
        let keys: Vec<String> = ids.iter().map(|id| key(keys, id)).collect();
        let found: Vec<Option<Vec<u8>>> = self.admin.clone().mget(keys).await?;
        Ok(found.iter().flatten().count())
    }

    async fn naive_bytes(&self, _: Keys) -> Result<Option<u64>> {
        self.grown().await.map(Some)
    }
}
