#![doc = include_str!("docs.md")]

mod config;
mod database;
mod entries;
mod error;
mod pending;
mod sets;
mod shared_ids;
mod store;
mod writer;

pub use config::Config;
pub use error::Error;
pub use store::RedbStore;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
