//! Contract suites: what an implementation of a trait of `velostream-core` has to do, as cases that anybody can run
//! against theirs.
//!
//! Layer 3; only tests depend on it. It knows no backend: the implementation under test comes from a factory.
//!
//! Contract of this crate:
//! 1. Each case checks one point and says in words what it saw instead.
//! 2. Each case names a [`Lie`]: an honest store that tells this lie fails it. A case that cannot fail proves nothing;
//!    the crate's own tests run every case against its lie, and all cases against an honest store.
//! 3. A case that does not apply (a store that claims no durability cannot be reopened) prints `not run` and why.
//! 4. The groups `Fencing`, `Batch`, `Expiry` and `Faults` run the ledger over the store: what a job relies on.
//! 5. [`shared_conformance!`] does the same for the optional capability [`SharedIds`](velostream_core::SharedIds), with
//!    [`SharedLie`].
//! 6. [`conformance_through_wrappers!`] and [`shared_conformance_through_wrappers!`] run the same cases through retries,
//!    metrics and a network with faults.
//!
//! ```
//! use std::sync::Arc;
//! use velostream_conformance::Fixture;
//! use velostream_store_memory::MemoryStore;
//!
//! async fn memory() -> Fixture {
//!     Fixture::new(Arc::new(MemoryStore::new()))
//! }
//! // One `#[test]` for each case:
//! velostream_conformance::conformance!(memory);
//! # fn main() {
//! let verdict = velostream_conformance::run("read_absent_key_is_none", memory);
//! assert!(matches!(verdict, velostream_conformance::Checked::Held));
//! # }
//! ```
//!
//! It starts no servers and injects no network faults: that is the business of each backend's own tests.

mod against_model;
mod case;
mod contract;
mod double;
mod faulty;
mod fixture;
mod lie;
mod prefixed;
mod race;
mod run;
mod shared;
mod state;
mod store;
mod suite;
mod verdict;
mod wrapper;

pub use against_model::agree;
pub use case::{Case, Group, cases};
pub use contract::{Contract, Wrapper};
pub use double::LyingStore;
pub use faulty::{Fault, FaultyStore};
pub use fixture::{Fixture, Reopen};
pub use lie::Lie;
pub use run::run;
pub use shared::{LyingIds, SHARED_CASES, SharedFixture, SharedLie};
pub use suite::STORE_CASES;
pub use verdict::{Checked, Verdict, Violation};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
