//! The file: opening it, reading from it, and saying what is wrong with it.

use std::io::ErrorKind;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use velostream_core::{NotAdmitted, Versioned};
use velostream_envelope::entry;

use crate::{Config, Error};

/// Version of the layout of entries.
const FORMAT: u64 = 1;

/// Keys and entries.
pub(crate) const ENTRIES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("entries");

/// Settings of the file; `format` is the version of the entries.
const SETTINGS: TableDefinition<'static, &str, u64> = TableDefinition::new("settings");

/// How long reopening waits for reads that have begun, in milliseconds.
const READERS_END_MS: u32 = 1000;

/// What to do where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    /// A file that was removed under a running process is not replaced by an empty one.
    Refuse,
}

/// The open file, shared by the writer thread and the readers; `None` while it is closed.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) config: Config,
    database: Mutex<Option<Arc<Database>>>,
}

impl File {
    /// Opens the file, on the calling thread.
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let database = open(&config, Missing::Create)?;
        Ok(Self { config, database: Mutex::new(Some(Arc::new(database))) })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.config.path.clone()
    }

    pub(crate) fn database(&self) -> Result<Arc<Database>, Error> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or_else(|| Error::Closed { path: self.path() })
    }

    /// Lets go of the file, which releases its lock with the last reader.
    pub(crate) fn close(&self) {
        drop(self.database.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Opens the file again after an error of the disk, behind which redb refuses all further work.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        let old = self.database.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(old) = old {
            // The lock goes with the last reader; a read takes microseconds.
            for _ in 0..READERS_END_MS {
                if Arc::strong_count(&old) == 1 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let database = open(&self.config, Missing::Refuse)?;
        *self.database.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(database));
        Ok(())
    }

    pub(crate) fn failed<E: Into<redb::Error>>(&self, doing: &'static str) -> impl Fn(E) -> Error {
        let path = self.path();
        move |error| storage(&path, doing, error.into())
    }

    /// Reads entries in one transaction.
    pub(crate) fn read(&self, keys: &[String]) -> Result<Vec<Option<Versioned>>, Error> {
        let database = self.database()?;
        let transaction = database.begin_read().map_err(self.failed("read"))?;
        let table = transaction.open_table(ENTRIES).map_err(self.failed("read"))?;
        keys.iter().map(|key| self.entry(&table, key)).collect()
    }

    /// One entry of an open table.
    pub(crate) fn entry(
        &self,
        table: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &str,
    ) -> Result<Option<Versioned>, Error> {
        let Some(entry) = table.get(key).map_err(self.failed("read"))? else { return Ok(None) };
        let decoded = entry::decode(key, entry.value());
        decoded.map(Some).map_err(|why| Error::CorruptValue { path: self.path(), key: key.to_owned(), why })
    }

    /// Keys below a prefix, ascending.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>, Error> {
        let database = self.database()?;
        let transaction = database.begin_read().map_err(self.failed("list"))?;
        let table = transaction.open_table(ENTRIES).map_err(self.failed("list"))?;
        let from = after.filter(|after| *after >= prefix).map_or(Bound::Included(prefix), Bound::Excluded);
        let mut keys = Vec::new();
        for entry in table.range::<&str>((from, Bound::Unbounded)).map_err(self.failed("list"))? {
            let (key, _) = entry.map_err(self.failed("list"))?;
            if keys.len() >= max || !key.value().starts_with(prefix) {
                break;
            }
            keys.push(key.value().to_owned());
        }
        Ok(keys)
    }
}

fn open(config: &Config, missing: Missing) -> Result<Database, Error> {
    let path = &config.path;
    let size = std::fs::metadata(path).map_or(0, |found| found.len());
    let mut builder = Builder::new();
    builder.set_cache_size(config.cache_bytes).set_check_integrity_on_open(size <= config.check_up_to_bytes);
    let database = match missing {
        Missing::Create => builder.create(path),
        Missing::Refuse => builder.open(path),
    };
    let database = database.map_err(|error| opening(path, error))?;
    settle(path, &database)?;
    if size == 0 {
        sync_directory(path)?;
    }
    Ok(database)
}

/// Creates the tables of a new file, checks the format of an old one.
fn settle(path: &Path, database: &Database) -> Result<(), Error> {
    const DOING: &str = "open";
    let failed = |error: redb::Error| storage(path, DOING, error);
    let transaction = database.begin_write().map_err(|e| failed(e.into()))?;
    let found = {
        let mut settings = transaction.open_table(SETTINGS).map_err(|e| table(path, e))?;
        let found = settings.get("format").map_err(|e| failed(e.into()))?.map(|format| format.value());
        if found.is_none() {
            settings.insert("format", FORMAT).map_err(|e| failed(e.into()))?;
        }
        found
    };
    match found {
        Some(FORMAT) => return transaction.abort().map_err(|e| failed(e.into())),
        Some(found) if found > FORMAT => {
            return Err(Error::NewerVersion {
                path: path.into(),
                found: found.to_string(),
                supported: FORMAT,
            });
        }
        Some(found) => {
            return Err(Error::Corrupt {
                path: path.into(),
                why: format!("format {found} was never written"),
            });
        }
        None => {}
    }
    drop(transaction.open_table(ENTRIES).map_err(|e| table(path, e))?);
    transaction.commit().map_err(|e| failed(e.into()))
}

/// A new file's name is durable only with its directory.
fn sync_directory(path: &Path) -> Result<(), Error> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let synced = std::fs::File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|source| Error::Io { path: parent.into(), source })
}

fn opening(path: &Path, error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::InUse { path: path.into() }
        }
        DatabaseError::UpgradeRequired(found) => {
            Error::Corrupt { path: path.into(), why: format!("redb file format {found} is not ours") }
        }
        error => storage(path, "open", error.into()),
    }
}

fn table(path: &Path, error: TableError) -> Error {
    match error {
        TableError::Storage(error) => storage(path, "open", error.into()),
        error => Error::Corrupt { path: path.into(), why: error.to_string() },
    }
}

/// Sorts an error of redb that came before anything was handed to the disk.
pub(crate) fn storage(path: &Path, doing: &'static str, error: redb::Error) -> Error {
    let path = path.to_owned();
    match error {
        // redb names a later file format only in the text of this error.
        redb::Error::Corrupted(why) if why.starts_with("Expected file format version") => {
            Error::NewerVersion { path, found: why, supported: FORMAT }
        }
        redb::Error::Corrupted(why) => Error::Corrupt { path, why },
        // A foreign file, or one that ends before its own header says.
        redb::Error::Io(error)
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            Error::Corrupt { path, why: error.to_string() }
        }
        redb::Error::ValueTooLarge(found) => {
            NotAdmitted::TooLarge { what: "bytes of a value", found, limit: crate::store::MAX_VALUE_BYTES }
                .into()
        }
        error => Error::Storage { path, doing, source: Box::new(error) },
    }
}

/// True behind which redb refuses all work until the file is opened again.
pub(crate) fn needs_reopening(error: &Error) -> bool {
    matches!(error, Error::Storage { .. } | Error::Commit { .. })
}
