//! The store as the ledger sees it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redb::WriteTransaction;
use tokio::sync::oneshot;
use velostream_core::{
    ConditionalStore, DurabilityClass, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned,
};

use crate::database::File;
use crate::pending::{Done, pending};
use crate::writer::{Call, Writer, open};
use crate::{Config, Error, entries};

/// Largest value in bytes. redb takes up to 3 GiB; a root or a chunk of this size is a mistake.
pub(crate) const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Most puts in one commit.
const MAX_PUTS: usize = 1024;

/// A conditional store in one redb file. Clones share it; the last one closes it, as [`close`](Self::close) does.
#[derive(Debug, Clone)]
pub struct RedbStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: Arc<File>,
    writer: Writer,
    opened: Identity,
}

/// Which file a path names.
#[derive(Debug, PartialEq, Eq)]
struct Identity(Option<(u64, u64)>);

impl Identity {
    fn of(path: &Path) -> Result<Self, Error> {
        let found = std::fs::metadata(path).map_err(|source| Error::Io { path: path.into(), source })?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            Some((found.dev(), found.ino()))
        };
        #[cfg(not(unix))]
        let identity = found.is_file().then_some((0, 0));
        Ok(Self(identity))
    }
}

impl RedbStore {
    /// Opens the file, or creates it, and locks it against other processes.
    ///
    /// # Errors
    /// `InUse`, `NewerVersion` -> Reject; `Corrupt` -> Corrupt; `Storage`, `Io` -> Retry.
    ///
    /// # Crash safety
    /// A crash inside leaves no file, an empty one, or one that opens.
    pub async fn open(config: Config) -> Result<Self> {
        let path = config.path.clone();
        let opened = tokio::task::spawn_blocking(move || open(config)).await;
        let (file, writer) = opened.unwrap_or_else(|_| Err(Error::Gone { path: path.clone() }))?;
        let opened = Identity::of(&path)?;
        Ok(Self(Arc::new(Shared { file, writer, opened })))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.file.config.path
    }

    /// Does what was called, closes the file and gives its lock back. Later calls fail with `Closed`.
    pub async fn close(&self) {
        let shared = Arc::clone(&self.0);
        drop(tokio::task::spawn_blocking(move || shared.writer.close()).await);
    }

    fn gone(&self) -> Error {
        Error::Gone { path: self.0.file.path() }
    }

    pub(crate) async fn blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&File) -> Result<T, Error> + Send + 'static,
    {
        let file = Arc::clone(&self.0.file);
        let done = tokio::task::spawn_blocking(move || work(&file)).await;
        // Only reads come here: a panic of redb in one has changed nothing, but the pages are not what they were.
        let why = || "redb cannot read it".to_owned();
        Ok(done.unwrap_or_else(|_| Err(Error::Corrupt { path: self.0.file.path(), why: why() }))?)
    }

    /// Has the writer make a change of about so many bytes.
    pub(crate) async fn change<T, F>(&self, bytes: usize, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&File, &WriteTransaction) -> Done<T> + Send + 'static,
    {
        let (change, answer) = pending(bytes, change);
        if !self.0.writer.call(Call::Change(change)) {
            return Err(Error::Closed { path: self.0.file.path() }.into());
        }
        Ok(answer.await.unwrap_or_else(|_| Err(self.gone()))?)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Waits for one sync at most: nobody is left to call.
        self.writer.close();
    }
}

#[async_trait]
impl ConditionalStore for RedbStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.guarantees().admit_keys(keys)?;
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.blocking(move |file| file.read(&keys)).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.guarantees().admit(puts, &root)?;
        let puts = puts.to_vec();
        let bytes = puts.iter().map(|put| put.value.len()).sum::<usize>().saturating_add(root.value.len());
        self.change(bytes, move |file, transaction| entries::commit(file, transaction, &puts, &root)).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.guarantees().admit_keys(keys)?;
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.change(0, move |file, transaction| entries::delete(file, transaction, &keys)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.blocking(move |file| file.list(&prefix, after.as_deref(), max)).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        StoreGuarantees {
            class: DurabilityClass::Restart,
            linearizable: true,
            shared: false,
            max_value_bytes: MAX_VALUE_BYTES,
            max_puts: MAX_PUTS,
        }
    }

    /// Checks that the path still names the file that is open.
    async fn attest(&self) -> Result<()> {
        let shared = Arc::clone(&self.0);
        self.blocking(move |file| match Identity::of(&file.config.path) {
            Ok(found) if found == shared.opened => Ok(()),
            _ => Err(Error::Replaced { path: file.path() }),
        })
        .await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        if !self.0.writer.call(Call::Ping { reply }) {
            return Err(Error::Closed { path: self.0.file.path() }.into());
        }
        let answered = tokio::time::timeout(deadline, async {
            answer.await.map_err(|_| self.gone())?;
            self.read(&["health"]).await
        });
        let slow = || Error::Slow { path: self.0.file.path(), deadline_ms: deadline.as_millis() };
        answered.await.map_err(|_| slow())?.map(|_| ())
    }
}
