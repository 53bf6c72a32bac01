//! The machine of a transactional writer, its claim barrier and its filter for aborted data.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "kafka_lane/aborted.rs"]
mod aborted;
#[path = "kafka_lane/barrier.rs"]
mod barrier;
#[path = "kafka_lane/properties.rs"]
mod properties;
#[path = "kafka_lane/scenarios.rs"]
mod scenarios;
