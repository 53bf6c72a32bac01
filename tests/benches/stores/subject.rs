//! A store under measurement, and what is measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use velostream_core::ConditionalStore;

use crate::keys::Keys;

/// A store with, in the same server, the layout that comes to mind first: one key per id.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    fn name(&self) -> &'static str;

    /// The store that the ledger packs ids into.
    fn store(&self) -> Arc<dyn ConditionalStore>;

    /// Requests to the server so far, where one call of the store makes several.
    fn requests(&self) -> Option<u64> {
        None
    }

    /// How many batches of so many ids are written as keys: enough for its share of the server's memory to show.
    fn naive_rounds(&self, ids: usize) -> usize {
        if ids > 1_000 { 2 } else { 50 }
    }

    /// What the server keeps for the ledger. `None` where there is no server that says. Asked once, before there are keys.
    async fn packed_bytes(&self) -> Result<Option<u64>>;

    /// Writes a key for each id, as fast as the server takes them from one client.
    async fn naive_mark(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<()>;

    /// How many of these ids are there.
    async fn naive_check(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<usize>;

    /// What the server keeps for these keys. Asked once for each kind, before there are keys of the next.
    async fn naive_bytes(&self, keys: Keys) -> Result<Option<u64>>;
}

/// Medians of the ledger over the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    /// A batch begins, alone.
    pub(crate) begin: Duration,
    /// A batch is committed, alone.
    pub(crate) commit: Duration,
    /// Both of them for one batch.
    pub(crate) both: Duration,
    /// The steady state: a batch is committed, and with it the next begins.
    pub(crate) steady: Duration,
    /// As many ids are looked up as a batch has, half of them known.
    pub(crate) lookup: Duration,
    /// Another process claims the task and reads all of its ids.
    pub(crate) reload: Duration,
    /// Ids that it read.
    pub(crate) stored: usize,
    /// Calls of the store per batch in the steady state.
    pub(crate) calls: f64,
    /// Requests per batch in the steady state, where one call makes several.
    pub(crate) requests: Option<f64>,
}

/// Medians of one key per id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naive {
    pub(crate) mark: Duration,
    pub(crate) check: Duration,
    pub(crate) stored: usize,
}

/// All of it, for batches of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) ids: usize,
    pub(crate) packed: Packed,
    pub(crate) short: Naive,
    pub(crate) whole: Naive,
}

/// Bytes in the server per tracked id, with batches of 1,000.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    pub(crate) packed: Option<f64>,
    pub(crate) short: Option<f64>,
    pub(crate) whole: Option<f64>,
}
