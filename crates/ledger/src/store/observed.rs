//! Counting and timing the calls of a store.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{
    Clock, ConditionalStore, Disposition, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned,
};

/// A call of a conditional store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// `read`.
    Read,
    /// `commit`.
    Commit,
    /// `delete`.
    Delete,
    /// `list`.
    List,
    /// `attest`.
    Attest,
    /// `health_check`.
    HealthCheck,
}

impl StoreCall {
    /// Its name, as metrics show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Commit => "commit",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Attest => "attest",
            Self::HealthCheck => "health_check",
        }
    }
}

/// Is told of every call that ended.
pub trait StoreObserver: Debug + Send + Sync {
    /// A call took this long and succeeded (`None`; a conflict is a success), or failed. Not told of calls that were
    /// dropped.
    fn store_called(&self, call: StoreCall, took: Duration, failed: Option<Disposition>);
}

/// A store whose calls are told to an observer; changes nothing of what they say.
#[derive(Debug)]
pub struct ObservedStore<S: ?Sized> {
    clock: Arc<dyn Clock>,
    observer: Arc<dyn StoreObserver>,
    store: Arc<S>,
}

impl<S: ConditionalStore + ?Sized> ObservedStore<S> {
    /// Tells `observer`; measures with the clock's monotonic time.
    #[must_use]
    pub fn new(store: Arc<S>, clock: Arc<dyn Clock>, observer: Arc<dyn StoreObserver>) -> Self {
        Self { clock, observer, store }
    }

    async fn told<T: Send>(
        &self,
        call: StoreCall,
        answer: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let began = self.clock.monotonic();
        let answer = answer.await;
        let took = self.clock.monotonic().saturating_sub(began);
        let failed = answer.as_ref().err().map(velostream_core::Error::disposition);
        self.observer.store_called(call, took, failed);
        answer
    }
}

#[async_trait]
impl<S: ConditionalStore + ?Sized> ConditionalStore for ObservedStore<S> {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.told(StoreCall::Read, self.store.read(keys)).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.told(StoreCall::Commit, self.store.commit(puts, root)).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.told(StoreCall::Delete, self.store.delete(keys)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        self.told(StoreCall::List, self.store.list(prefix, after, max)).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.told(StoreCall::Attest, self.store.attest()).await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.told(StoreCall::HealthCheck, self.store.health_check(deadline)).await
    }
}
