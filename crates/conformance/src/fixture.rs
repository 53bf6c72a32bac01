//! The store under test, and calls on it that a case makes.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use velostream_core::{ConditionalStore, Outcome, Put, RootVersion, RootWrite, Versioned};

use crate::wrapper::{faulty, observed, retrying};
use crate::{Case, Contract, Lie, STORE_CASES, Violation, Wrapper};

/// Closes the store and opens it again, as a new process would.
pub type Reopen<S = dyn ConditionalStore> = Box<dyn Fn(Arc<S>) -> BoxFuture<'static, Arc<S>> + Send + Sync>;

/// A store under test, empty below its prefix.
pub struct Fixture {
    store: Arc<dyn ConditionalStore>,
    prefix: String,
    reopen: Option<Reopen>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
    history: usize,
}

/// Calls of each client in the history that is checked for linearizability.
const HISTORY: usize = 10_000;
/// As [`HISTORY`], behind a wrapper: the store itself is checked at length.
const WRAPPED_HISTORY: usize = 500;

/// Puts `wrap` around what is opened again.
pub(crate) fn wrapped<S, W>(reopen: Reopen<S>, wrap: Arc<W>) -> Reopen<S>
where
    S: ?Sized + 'static,
    W: Fn(Arc<S>) -> Arc<S> + Send + Sync + 'static,
    Arc<S>: Send,
{
    Box::new(move |store| {
        let (again, wrap) = (reopen(store), Arc::clone(&wrap));
        Box::pin(async move { wrap(again.await) })
    })
}

impl Fixture {
    /// A fixture whose store nobody else uses.
    #[must_use]
    pub fn new(store: Arc<dyn ConditionalStore>) -> Self {
        Self { store, prefix: "case/".into(), reopen: None, kept: Vec::new(), history: HISTORY }
    }

    /// Puts all keys of the case below `prefix`: for servers that several cases share.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Says how to close and open the store again; it is given the last handle.
    #[must_use]
    pub fn with_reopen(mut self, reopen: Reopen) -> Self {
        self.reopen = Some(reopen);
        self
    }

    /// Puts something around the store, and around each that is opened after it.
    #[must_use]
    pub fn through<W>(mut self, wrap: W) -> Self
    where
        W: Fn(Arc<dyn ConditionalStore>) -> Arc<dyn ConditionalStore> + Send + Sync + 'static,
    {
        let wrap = Arc::new(wrap);
        self.store = wrap(self.store);
        self.reopen = self.reopen.map(|reopen| wrapped(reopen, wrap));
        self
    }

    /// Shortens or lengthens the history that is checked for linearizability: calls of each of its eight clients.
    #[must_use]
    pub const fn with_history(mut self, calls: usize) -> Self {
        self.history = calls;
        self
    }

    pub(crate) const fn history(&self) -> usize {
        self.history
    }

    /// Keeps something alive as long as the fixture, a temporary directory for example.
    #[must_use]
    pub fn keep(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::clone(&self.store)
    }

    /// A key of this case.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn can_reopen(&self) -> bool {
        self.reopen.is_some()
    }

    /// The same content behind a new handle; the fixture itself lets go of the old one.
    pub(crate) async fn reopened(&self) -> Option<Self> {
        let reopen = self.reopen.as_ref()?;
        let store = reopen(self.store()).await;
        Some(Self {
            store,
            prefix: self.prefix.clone(),
            reopen: None,
            kept: Vec::new(),
            history: self.history,
        })
    }

    pub(crate) async fn read(&self, name: &str) -> Result<Option<Versioned>, Violation> {
        let mut found = self.read_all(&[name]).await?;
        match (found.len(), found.pop()) {
            (1, Some(found)) => Ok(found),
            (n, _) => Err(Violation::Seen { what: format!("read of one key gave {n} answers") }),
        }
    }

    pub(crate) async fn read_all(&self, names: &[&str]) -> Result<Vec<Option<Versioned>>, Violation> {
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.store.read(&keys).await.map_err(|source| Violation::Failed { call: "read", source })
    }

    pub(crate) async fn value(&self, name: &str) -> Result<Option<bytes::Bytes>, Violation> {
        Ok(self.read(name).await?.map(|found| found.value))
    }

    pub(crate) fn root(
        &self,
        name: &str,
        expected: Option<RootVersion>,
        value: impl AsRef<[u8]>,
    ) -> RootWrite {
        RootWrite { key: self.key(name), expected, value: bytes::Bytes::copy_from_slice(value.as_ref()) }
    }

    pub(crate) fn put(&self, name: &str, value: impl AsRef<[u8]>) -> Put {
        Put { key: self.key(name), value: bytes::Bytes::copy_from_slice(value.as_ref()) }
    }

    pub(crate) async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome, Violation> {
        self.store.commit(puts, root).await.map_err(|source| Violation::Failed { call: "commit", source })
    }

    /// A commit that has no reason to conflict.
    pub(crate) async fn applied(&self, puts: &[Put], root: RootWrite) -> Result<RootVersion, Violation> {
        match self.commit(puts, root).await? {
            Outcome::Applied(version) => Ok(version),
            Outcome::Conflict(current) => {
                Err(Violation::Seen { what: format!("a commit that fits conflicted with {current:?}") })
            }
        }
    }

    /// Writes `value` whatever stands there, as the only writer.
    pub(crate) async fn set(&self, name: &str, value: impl AsRef<[u8]>) -> Result<RootVersion, Violation> {
        let expected = self.read(name).await?.map(|found| found.version);
        self.applied(&[], self.root(name, expected, value)).await
    }

    /// A commit that must conflict.
    pub(crate) async fn conflict(
        &self,
        puts: &[Put],
        root: RootWrite,
    ) -> Result<Option<Versioned>, Violation> {
        match self.commit(puts, root).await? {
            Outcome::Conflict(current) => Ok(current),
            Outcome::Applied(version) => {
                Err(Violation::Seen { what: format!("a commit that cannot fit was applied as {version:?}") })
            }
        }
    }

    pub(crate) async fn delete(&self, names: &[&str]) -> Result<(), Violation> {
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.store.delete(&keys).await.map_err(|source| Violation::Failed { call: "delete", source })
    }

    /// Names below a prefix of this case, without it.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, Violation> {
        let after = after.map(|name| self.key(name));
        let keys = self.store.list(&self.key(prefix), after.as_deref(), max).await;
        let keys = keys.map_err(|source| Violation::Failed { call: "list", source })?;
        Ok(keys
            .into_iter()
            .map(|key| key.strip_prefix(&self.prefix).map_or_else(|| key.clone(), str::to_owned))
            .collect())
    }
}

impl Contract for Fixture {
    type Lie = Lie;

    const CASES: &'static [Case] = STORE_CASES;

    fn behind(self, wrapper: Wrapper) -> Self {
        let history = self.history.min(WRAPPED_HISTORY);
        let wrapped = match wrapper {
            Wrapper::Retries => self.through(|store| retrying(store)),
            Wrapper::Metrics => self.through(|store| observed(store)),
            Wrapper::Faults => self.through(|store| faulty(store)),
        };
        wrapped.with_history(history)
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("store", &self.store)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
