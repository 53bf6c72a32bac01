//! What the end-to-end suites, the benches and the demo stand on: real Kafka clusters and a load generator.
//!
//! Layer 5, never published. Records are made and servers are asked through librdkafka, which shares no code with the
//! product's data path; only the few batches that librdkafka cannot make come from our own codec.

#![allow(clippy::disallowed_methods, reason = "test servers live in real time")]

mod clock;
mod contract;
pub mod load;
pub mod nemesis;
pub mod proxy;
pub mod services;
mod shared_ids;
pub mod stall;
pub mod states;
mod witness;

pub use clock::RealClock;
pub use contract::{
    Factory, contract_not_applicable, contract_trials, contract_trials_through_wrappers, run_name,
    server_trial,
};
pub use shared_ids::{answers_as_the_model, answers_as_the_model_to_many_ids};
pub use witness::{Sighting, Witness, read_all};
