#![doc = include_str!("docs.md")]

mod attest;
mod config;
mod error;
mod key;
mod pool;
mod script;
mod store;

pub use config::{Fsync, RedisConfig, Replicas, Topology};
pub use error::Error;
pub use store::RedisStore;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
