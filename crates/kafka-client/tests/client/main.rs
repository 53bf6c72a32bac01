//! The client against a broker that does exactly what a test tells it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cluster;
mod connection;
mod fake_broker;
