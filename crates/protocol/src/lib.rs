//! The decisions of exactly-once delivery, without any I/O.
//!
//! Two machines, both pure functions `step(state, event) -> (state, effects)`:
//!
//! * [`job`]: assign, claim, begin, write, commit, lost. The only caller is the driver in `velostream-processor`.
//! * [`kafka_lane`]: one transactional Kafka writer: the claim barrier, the transaction, doubt after an indefinite
//!   result, fencing of dead owners, the filter for aborted data. The only caller is `velostream-connector-kafka`.
//!
//! Layer 1. There is no clock, no randomness, no `async` and no hash map here, so that a run is a function of its
//! events: the same code is model-checked, simulated and run in production. `docs/PROTOCOL.md` holds the argument
//! why the rules suffice.
//!
//! ```
//! use velostream_core::{AssignmentVersion, Phase, SplitId};
//! use velostream_protocol::job::{Effect, Event, Limits, State, step};
//!
//! let state = State::new(Limits { max_bytes: 8 << 20 });
//! let assigned = Event::Assigned { version: AssignmentVersion(1), phase: Phase::Owned, splits: vec![SplitId::new("orders-0")] };
//! let (_, effects) = step(state, assigned);
//! assert!(matches!(effects.last(), Some(Effect::Claim { .. })));
//! ```

pub mod job;
pub mod kafka_lane;

/// The example of the README is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
