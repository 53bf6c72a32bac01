#![doc = include_str!("docs.md")]

mod attest;
mod batch;
mod config;
mod connect;
mod error;
mod failure;
mod item;
mod key;
mod list;
mod store;
mod table;

pub use config::{Config, Credentials, Regions};
pub use error::Error;
pub use failure::Failure;
pub use store::DynamoStore;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
