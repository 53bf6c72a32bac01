//! The conditional store in memory: the reference model of the contract, with faults by script.
//!
//! Layer 2', on `velostream-core` alone. Jobs that need no durable state use it as it is; the conformance suite runs
//! its lying doubles on it; tests of the ledger script its faults.
//!
//! Contract: that of [`ConditionalStore`](velostream_core::ConditionalStore), class G0. On top of it the model is
//! strict where the contract leaves a choice: a commit that conflicts writes none of its puts, and a put that changes
//! an existing value is refused, so that a caller which reuses keys is found out.
//!
//! Versions are chained: each is a hash of its predecessor and the value. So two histories that part (a failover that
//! loses writes) have different versions, and a writer of the lost history cannot match the new one by accident.
//!
//! ```
//! use velostream_core::{ConditionalStore, Outcome, RootWrite};
//! use velostream_store_memory::{Fault, MemoryStore};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! store.script_commits([Fault::ReplyLost]);
//! let root = RootWrite { key: "job/root".into(), expected: None, value: "state".into() };
//! let error = store.commit(&[], root.clone()).await.unwrap_err();
//! assert_eq!(error.disposition(), velostream_core::Disposition::Reconcile);
//! // It was applied, and the same call again says so.
//! assert!(matches!(store.commit(&[], root).await?, Outcome::Applied(_)));
//! # Ok::<(), velostream_core::Error>(()) }).unwrap();
//! ```
//!
//! It keeps nothing beyond the process, and simulates no clock: what comes late comes when the script says.

mod error;
mod fault;
mod shared;
mod store;
mod trips;

pub use error::Error;
pub use fault::Fault;
pub use store::{MemoryStore, Snapshot};
pub use trips::Trips;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
