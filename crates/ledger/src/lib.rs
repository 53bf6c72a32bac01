//! The state of a job's tasks, written once over any [`ConditionalStore`](velostream_core::ConditionalStore): who owns
//! a task, which batches are open or committed, which record ids count, and a ring of checkpoints.
//!
//! Layer 2. The processor holds an `Arc<dyn StateStore>`; a backend is a
//! [`ConditionalStore`](velostream_core::ConditionalStore) of a few methods and knows none of this.
//!
//! How it works: each task has one *root* record, changed by compare-and-set alone. Ids of records are packed into
//! immutable *chunks* that count only if the root lists them. So one atomic step of the store is enough, and in the
//! steady state a batch costs one round trip: committing batch n carries the beginning of batch n + 1.
//!
//! Contract:
//! 1. A call that changes a task is applied only while the root carries the caller's epoch **and** nonce; else it fails
//!    with [`Error::Fenced`]. The nonce tells two owners apart to whom a store that rolled back gave one epoch.
//! 2. Every call can be repeated with the same arguments: the second does nothing and says the same.
//! 3. A lost reply is resolved by reading the root; while it cannot be read the call fails with `Reconcile`, and the
//!    next call on the task reads first.
//! 4. A chunk that the root lists and the store does not have is [`Error::ChunkMissing`], never "not processed".
//! 5. Ids of an open batch are pending, not processed; they are either confirmed or forgotten with their batch.
//! 6. Ids never expire before the time that [`cleanup_old_records`](StateStore::cleanup_old_records) is given.
//! 7. All ids of a task are dated alike, by when they came or each by a time of its own ([`Dating`]); ids that are dated
//!    otherwise are refused with [`Error::OtherDates`].
//!
//! What a store must add for contract 1 to survive a roll-back: versions of two histories that part must differ, as
//! the stores of this project do by chaining them.
//!
//! ```
//! use std::sync::Arc;
//! use velostream_core::{BatchId, Epoch, InstanceName, Nonce, SourcePosition, SplitId};
//! # use velostream_core::Clock;
//! use velostream_ledger::{Batch, Claimant, Commit, Ledger, LedgerConfig, StateStore, TaskId};
//! use velostream_store_memory::MemoryStore;
//! # #[derive(Debug)] struct Zero;
//! # #[async_trait::async_trait] impl Clock for Zero {
//! #     fn monotonic(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn unix_ms(&self) -> i64 { 0 }
//! #     async fn sleep(&self, _: std::time::Duration) {}
//! # }
//! # let clock = Arc::new(Zero);
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let state: Arc<dyn StateStore> =
//!     Arc::new(Ledger::new(Arc::new(MemoryStore::new()), clock, LedgerConfig::default()));
//! let task = TaskId::new("orders-dr.lane-0")?;
//! let claimant = Claimant { owner: InstanceName::new("host-0"), nonce: Nonce(42), at_least: Epoch(0) };
//! let mut claimed = state.claim(&task, &claimant).await?;
//!
//! let next = SourcePosition::File { path: "in/a".into(), offset: 100, line: 3 };
//! let first = Batch { batch: BatchId(1), next_positions: [(SplitId::new("in/a"), next)].into(), record_ids: vec![].into() };
//! state.begin_batch_processing(&claimed.ownership, first).await?;
//! // ... write to the sink ...
//! state.commit_batch_processing(&claimed.ownership, Commit::of(BatchId(1))).await?;
//! assert!(state.batch_is_processed(&task, BatchId(1)).await?);
//! # Ok::<(), velostream_core::Error>(()) }).unwrap();
//! ```
//!
//! It runs no timers (whoever owns a lease renews it), writes to no sink, and cannot make a store stronger than it is:
//! what a G1 store loses at a failover, the sink's own progress has to bring back.

#![allow(unexpected_cfgs, reason = "`cfg(fuzzing)` is set by `cargo xtask fuzz` alone")]

mod batch;
mod bloom;
mod change;
mod chunk;
mod config;
mod dating;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod held;
mod id_set;
mod index;
mod lease;
mod ledger;
mod ownership;
mod pack;
mod ring;
mod root;
mod search;
mod shared_note;
mod state_store;
mod store;
mod task;

pub use batch::{Batch, BatchIds, Commit, MAX_TIME_MS};
pub use chunk::CHUNK_FORMAT;
pub use config::LedgerConfig;
pub use dating::Dating;
pub use error::{Error, Result};
pub use index::RecordStatus;
pub use lease::LeaseWatch;
pub use ledger::Ledger;
pub use ownership::{Claimant, Claimed, Ownership, TaskState};
pub use ring::LoadedCheckpoint;
pub use root::ROOT_FORMAT;
pub use shared_note::{SHARED_NOTE_FORMAT, SharedNote};
pub use state_store::{Cleanup, Forgotten, StateStore};
pub use store::{ObservedStore, RetryPolicy, RetryingStore, StoreCall, StoreObserver};
pub use task::TaskId;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
