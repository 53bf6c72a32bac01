//! The stores without a server.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use async_trait::async_trait;
use redb::{Database, ReadableDatabase, TableDefinition};
use tempfile::TempDir;
use velostream_core::ConditionalStore;
use velostream_record_id::TrackerKey;
use velostream_store_memory::MemoryStore;
use velostream_store_redb::{Config, RedbStore};

use crate::subject::Subject;

/// The memory store, beside a set of ids.
pub(crate) struct Memory {
    store: MemoryStore,
    ids: Mutex<HashSet<[u8; 16]>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { store: MemoryStore::new(), ids: Mutex::default() }
    }
}

#[async_trait]
impl Subject for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::new(self.store.clone())
    }

    async fn packed_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn naive_mark(&self, ids: &[TrackerKey]) -> Result<()> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).extend(ids.iter().map(|id| id.0));
        Ok(())
    }

    async fn naive_check(&self, ids: &[TrackerKey]) -> Result<usize> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ids.iter().filter(|id| known.contains(&id.0)).count())
    }

    async fn naive_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }
}

const IDS: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("ids");

/// The redb store, beside a table of ids in a file of its own.
pub(crate) struct Redb {
    dir: TempDir,
    store: RedbStore,
    naive: Arc<Database>,
}

impl Redb {
    pub(crate) async fn open() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = RedbStore::open(Config::new(dir.path().join("packed.redb"))).await?;
        let naive = Arc::new(Database::create(dir.path().join("naive.redb"))?);
        Ok(Self { dir, store, naive })
    }
}

#[async_trait]
impl Subject for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::new(self.store.clone())
    }

    /// Pages in use, of a copy: the file itself is locked.
    async fn packed_bytes(&self) -> Result<Option<u64>> {
        let copy = self.dir.path().join("copy.redb");
        std::fs::copy(self.store.path(), &copy).context("cannot copy the file")?;
        pages(&Database::open(&copy)?).map(Some)
    }

    async fn naive_mark(&self, ids: &[TrackerKey]) -> Result<()> {
        let (naive, ids) = (Arc::clone(&self.naive), ids.to_vec());
        tokio::task::spawn_blocking(move || -> Result<()> {
            let write = naive.begin_write()?;
            let mut table = write.open_table(IDS)?;
            for id in &ids {
                table.insert(&id.0, 1_800_000_000_000)?;
            }
            drop(table);
            Ok(write.commit()?)
        })
        .await?
    }

    async fn naive_check(&self, ids: &[TrackerKey]) -> Result<usize> {
        let (naive, ids) = (Arc::clone(&self.naive), ids.to_vec());
        tokio::task::spawn_blocking(move || -> Result<usize> {
            let table = naive.begin_read()?.open_table(IDS)?;
            let mut found = 0;
            for id in &ids {
                found += usize::from(table.get(&id.0)?.is_some());
            }
            Ok(found)
        })
        .await?
    }

    async fn naive_bytes(&self) -> Result<Option<u64>> {
        pages(&self.naive).map(Some)
    }
}

fn pages(database: &Database) -> Result<u64> {
    let write = database.begin_write()?;
    let stats = write.stats()?;
    let bytes = stats.allocated_pages() * u64::try_from(stats.page_size())?;
    write.abort()?;
    Ok(bytes)
}
