//! The stores without a server.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use async_trait::async_trait;
use redb::{Database, ReadableDatabase, TableDefinition};
use tempfile::TempDir;
use velostream_core::ConditionalStore;
use velostream_store_memory::MemoryStore;
use velostream_store_redb::{Config, RedbStore};

use crate::keys::Keys;
use crate::subject::Subject;

/// The memory store, beside a set of ids.
pub(crate) struct Memory {
    store: MemoryStore,
    ids: Mutex<HashSet<Vec<u8>>>,
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

    async fn naive_mark(&self, _: Keys, ids: &[Vec<u8>]) -> Result<()> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).extend(ids.iter().cloned());
        Ok(())
    }

    async fn naive_check(&self, _: Keys, ids: &[Vec<u8>]) -> Result<usize> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ids.iter().filter(|id| known.contains(*id)).count())
    }

    async fn naive_bytes(&self, _: Keys) -> Result<Option<u64>> {
        Ok(None)
    }
}

const SHORT: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("ids");
const WHOLE: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");

/// A time to live, as keys have it.
const EXPIRES: u64 = 1_800_000_000_000;

/// The redb store, beside tables of ids in files of their own.
pub(crate) struct Redb {
    dir: TempDir,
    store: RedbStore,
    short: Arc<Database>,
    whole: Arc<Database>,
}

impl Redb {
    pub(crate) async fn open() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = RedbStore::open(Config::new(dir.path().join("packed.redb"))).await?;
        let file = |name: &str| Database::create(dir.path().join(name)).map(Arc::new);
        let (short, whole) = (file("short.redb")?, file("whole.redb")?);
        Ok(Self { dir, store, short, whole })
    }

    const fn naive(&self, keys: Keys) -> &Arc<Database> {
        match keys {
            Keys::Short => &self.short,
            Keys::Whole => &self.whole,
        }
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

    async fn naive_mark(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<()> {
        let (naive, ids) = (Arc::clone(self.naive(keys)), ids.to_vec());
        tokio::task::spawn_blocking(move || mark(&naive, keys, &ids)).await?
    }

    async fn naive_check(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<usize> {
        let (naive, ids) = (Arc::clone(self.naive(keys)), ids.to_vec());
        tokio::task::spawn_blocking(move || check(&naive, keys, &ids)).await?
    }

    async fn naive_bytes(&self, keys: Keys) -> Result<Option<u64>> {
        pages(self.naive(keys)).map(Some)
    }
}

fn mark(naive: &Database, keys: Keys, ids: &[Vec<u8>]) -> Result<()> {
    let write = naive.begin_write()?;
    match keys {
        Keys::Short => {
            let mut table = write.open_table(SHORT)?;
            for id in ids {
                table.insert(&<[u8; 16]>::try_from(&id[..])?, EXPIRES)?;
            }
        }
        Keys::Whole => {
            let mut table = write.open_table(WHOLE)?;
            for id in ids {
                table.insert(std::str::from_utf8(id)?, EXPIRES)?;
            }
        }
    }
    Ok(write.commit()?)
}

fn check(naive: &Database, keys: Keys, ids: &[Vec<u8>]) -> Result<usize> {
    let read = naive.begin_read()?;
    let mut found = 0;
    match keys {
        Keys::Short => {
            let table = read.open_table(SHORT)?;
            for id in ids {
                found += usize::from(table.get(&<[u8; 16]>::try_from(&id[..])?)?.is_some());
            }
        }
        Keys::Whole => {
            let table = read.open_table(WHOLE)?;
            for id in ids {
                found += usize::from(table.get(std::str::from_utf8(id)?)?.is_some());
            }
        }
    }
    Ok(found)
}

fn pages(database: &Database) -> Result<u64> {
    let write = database.begin_write()?;
    let stats = write.stats()?;
    let bytes = stats.allocated_pages() * u64::try_from(stats.page_size())?;
    write.abort()?;
    Ok(bytes)
}
