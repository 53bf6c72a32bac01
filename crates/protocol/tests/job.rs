//! The machine of a lane under every kind of bad luck: what it may never ask for, and that it always recovers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "job/harness.rs"]
mod harness;
#[path = "job/ids.rs"]
mod ids;
#[path = "job/properties.rs"]
mod properties;
#[path = "job/scenarios.rs"]
mod scenarios;
#[path = "job/shared.rs"]
mod shared;
#[path = "job/store.rs"]
mod store;
