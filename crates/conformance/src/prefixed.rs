//! A store below a prefix, so that a ledger keeps to the keys of its case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{ConditionalStore, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned};

/// Puts a prefix in front of every key, and takes it away from those that are listed.
#[derive(Debug)]
pub(crate) struct PrefixedStore {
    inner: Arc<dyn ConditionalStore>,
    prefix: String,
}

impl PrefixedStore {
    pub(crate) fn new(inner: Arc<dyn ConditionalStore>, prefix: String) -> Self {
        Self { inner, prefix }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl ConditionalStore for PrefixedStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        let keys: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        self.inner.read(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        let put = |put: &Put| Put { key: self.key(&put.key), value: put.value.clone() };
        let puts: Vec<Put> = puts.iter().map(put).collect();
        self.inner.commit(&puts, RootWrite { key: self.key(&root.key), ..root }).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        let keys: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        self.inner.delete(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        let after = after.map(|after| self.key(after));
        let keys = self.inner.list(&self.key(prefix), after.as_deref(), max).await?;
        let stripped =
            |key: String| key.strip_prefix(&self.prefix).map_or_else(|| key.clone(), str::to_owned);
        Ok(keys.into_iter().map(stripped).collect())
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.inner.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.inner.attest().await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.inner.health_check(deadline).await
    }
}
