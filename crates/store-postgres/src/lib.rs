#![doc = include_str!("docs.md")]

mod attest;
mod codec;
mod config;
mod error;
mod limits;
mod migrate;
mod pool;
mod session;
mod sql;
mod store;
mod tls;

pub use config::{Dialect, PostgresConfig, SurvivalGoal, Tls};
pub use error::Error;
pub use migrate::migrate;
pub use store::PostgresStore;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
