//! Deterministic simulation of exactly-once delivery: the real driver, worker and lane machine over a simulated
//! Kafka, with faults at every effect.
//!
//! Layer 3: on top of `velostream-processor` and `velostream-protocol`; nothing of the product depends on it. Real are
//! [`Worker`](velostream_processor::Worker) with its driver, the job machine, the lane machine, the claim barrier and
//! the filter for aborted data. Simulated are the brokers (logs, producers, transactions with markers, the group), the
//! network, the clock and the processes; the lane around the lane machine, the membership and the reader follow
//! `velostream-connector-kafka` step by step.
//!
//! Contract: a [`Plan`] determines its [`History`], event by event. Everything runs on one thread in simulated time.
//!
//! ```
//! use velostream_sim::{plan, run};
//!
//! let history = run(&plan(7));
//! assert_eq!(history.violation, None);
//! assert_eq!(history.hash, run(&plan(7)).hash);
//! ```
//!
//! It does not read or write Kafka's wire format and does not run the connector's own I/O; a test against real
//! brokers does that.

mod broker;
mod check;
mod clock;
mod explore;
mod fault;
mod history;
mod lane;
mod membership;
mod mutant;
mod names;
mod network;
mod process;
mod random;
mod reader;
mod scenario;
mod swarm;
mod trace;
mod world;

pub use check::Violation;
pub use explore::{Search, pairs, singles, zombies};
pub use fault::{Applied, Fault, Nemesis, Then};
pub use history::{History, Plan, replay, run};
pub use mutant::Mutant;
pub use scenario::Scenario;
pub use swarm::{plan, shrink};

/// The example of the README is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
