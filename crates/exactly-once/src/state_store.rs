//! State stores by their names.
//!
//! A job needs one where its records are told apart by what they hold; positions are remembered by its sink. A program
//! may use them on its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use exactly_once::processor::SystemClock;
//! use exactly_once::state_store::{LedgerConfig, StateStore};
//! # #[cfg(feature = "store-redb")] {
//! use exactly_once::state_store::RedbStateStore;
//! use exactly_once::store_redb::{Config, RedbStore};
//!
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("orders-dr.redb");
//! let store = RedbStore::open(Config::new(path)).await?;
//! let state: Arc<dyn StateStore> =
//!     Arc::new(RedbStateStore::new(Arc::new(store), Arc::new(SystemClock::new()), LedgerConfig::default()));
//! # Ok::<(), exactly_once::core::Error>(()) }).unwrap();
//! # }
//! ```

pub use velostream_ledger::{
    Batch, Claimant, Claimed, Cleanup, Commit, Ledger, LedgerConfig, LoadedCheckpoint, Ownership,
    RecordStatus, StateStore, TaskId, TaskState,
};

/// State that ends with the process; for tests, and for jobs that can do without.
#[cfg(feature = "store-memory")]
pub type InMemoryStateStore = Ledger<velostream_store_memory::MemoryStore>;

/// State in one file of this host.
#[cfg(feature = "store-redb")]
pub type RedbStateStore = Ledger<velostream_store_redb::RedbStore>;

/// State in Redis or Valkey.
#[cfg(feature = "store-redis")]
pub type RedisStateStore = Ledger<velostream_store_redis::RedisStore>;

/// State in PostgreSQL or CockroachDB.
#[cfg(feature = "store-postgres")]
pub type PostgresStateStore = Ledger<velostream_store_postgres::PostgresStore>;

/// State in a DynamoDB table.
#[cfg(feature = "store-dynamodb")]
pub type DynamoDbStateStore = Ledger<velostream_store_dynamodb::DynamoStore>;
