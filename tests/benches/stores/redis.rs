//! Redis, beside `SET processed:ID 1 EX 86400` in the same server.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Client, Pipeline, cmd};
use velostream_core::ConditionalStore;
use velostream_record_id::TrackerKey;
use velostream_store_redis::{RedisConfig, RedisStore};
use velostream_testkit::services::RedisServer;

use crate::subject::Subject;

const PACKED: &str = "velostream:*";
const NAIVE: &str = "processed:";

pub(crate) struct Redis {
    store: RedisStore,
    admin: MultiplexedConnection,
    // Ends behind its clients.
    _server: RedisServer,
}

impl Redis {
    pub(crate) async fn open() -> Result<Self> {
        let server = tokio::task::spawn_blocking(|| RedisServer::start("bench", &[])).await??;
        let store = RedisStore::open(RedisConfig::single(server.url())).await?;
        let admin = Client::open(server.admin_url())?.get_multiplexed_async_connection().await?;
        Ok(Self { store, admin, _server: server })
    }

    /// By the server's own count (command MEMORY USAGE), summed over all keys of a pattern.
    async fn usage(&self, pattern: &str) -> Result<u64> {
        let mut admin = self.admin.clone();
        let (mut cursor, mut bytes) = (0_u64, 0);
        loop {
            let (next, keys): (u64, Vec<Vec<u8>>) = cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(pattern)
                .arg("COUNT")
                .arg(1000)
                .query_async(&mut admin)
                .await?;
            let mut asked = Pipeline::new();
            for key in &keys {
                asked.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
            }
            if !keys.is_empty() {
                let sizes: Vec<u64> = asked.query_async(&mut admin).await?;
                bytes += sizes.iter().sum::<u64>();
            }
            cursor = next;
            if cursor == 0 {
                return Ok(bytes);
            }
        }
    }
}

fn key(id: &TrackerKey) -> String {
    let hex: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAIVE}{hex}")
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
        self.usage(PACKED).await.map(Some)
    }

    async fn naive_mark(&self, ids: &[TrackerKey]) -> Result<()> {
        let mut all = Pipeline::new();
        for id in ids {
            all.cmd("SET").arg(key(id)).arg(1).arg("EX").arg(86_400).ignore();
        }
        let () = all.query_async(&mut self.admin.clone()).await.context("cannot set the keys")?;
        Ok(())
    }

    async fn naive_check(&self, ids: &[TrackerKey]) -> Result<usize> {
        let keys: Vec<String> = ids.iter().map(key).collect();
        let found: Vec<Option<Vec<u8>>> = self.admin.clone().mget(keys).await?;
        Ok(found.iter().flatten().count())
    }

    async fn naive_bytes(&self) -> Result<Option<u64>> {
        self.usage(&format!("{NAIVE}*")).await.map(Some)
    }
}
