//! What the end-to-end suites, the benches and the demo stand on: real Kafka clusters and a load generator.
//!
//! Layer 5, never published. It shares no code with the product's data path: records are made and servers are asked
//! through librdkafka.

#![allow(clippy::disallowed_methods, reason = "test servers live in real time")]

mod clock;
pub mod load;
pub mod nemesis;
pub mod services;

pub use clock::RealClock;
