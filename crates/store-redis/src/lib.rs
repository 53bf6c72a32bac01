#![doc = include_str!("docs.md")]

mod access;
mod answer;
mod attest;
mod caller;
mod cluster;
mod config;
mod doing;
mod error;
mod key;
mod listing;
mod pool;
mod replicas;
mod script;
mod sentinel;
mod servers;
mod shared;
mod slots;
mod store;
mod topology;

pub use access::{ClientCertificate, Tls};
pub use config::{Fsync, RedisConfig, Replicas};
pub use error::Error;
pub use store::RedisStore;
pub use topology::Topology;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
