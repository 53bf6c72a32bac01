//! Exactly-once stream processing between systems: the facade of velostream.
//!
//! Layer 4: it re-exports what an embedding program needs, reads job files ([`config`]) and says what a job can
//! promise ([`explain`](mod@explain)). It holds no logic of the data path. Cargo features pick the systems:
//! `connector-kafka`, `connector-file`, `store-redb`, `store-memory`; all of them are on by default.
//!
//! # Contract
//! - A job file is accepted as a whole or refused with file, line, column and what to write instead. A key that no
//!   part exists for is refused, never ignored.
//! - Values that came from a variable or a secret file appear in no error.
//! - The level that [`explain::explain`] computes is what the job gives under the assumptions that it lists.
//!
//! # Example
//! ```
//! use exactly_once::config::{JobFile, ProcessVariables};
//! use exactly_once::explain::{Required, explain};
//!
//! # fn main() -> Result<(), exactly_once::Error> {
//! let text = r#"
//! job: orders-dr
//! source: { kafka: { bootstrap_servers: "${SOURCE:-127.0.0.1:19092}", topics: ["orders", "/payments\\..*/"] } }
//! sink: { kafka: { bootstrap_servers: "127.0.0.1:29092" } }
//! "#;
//! let job = JobFile::parse("orders-dr.yaml", text, &ProcessVariables::new("."))?;
//! let explanation = explain(&job);
//! explanation.require(Required::ExactlyOnce)?;
//! assert_eq!(explanation.level.to_string(), "exactly_once (transactional)");
//!
//! let typo = text.replace("topics", "topcis");
//! let error = JobFile::parse("orders-dr.yaml", &typo, &ProcessVariables::new(".")).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "orders-dr.yaml:3:69: source.kafka: unknown field `topcis`"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//! Reading a job file asks no server: whether topics and permissions are there is found out by [`live::look`], or
//! when a job starts.

pub mod config;
mod error;
pub mod explain;
pub mod http;
#[cfg(all(feature = "connector-kafka", feature = "connector-file"))]
pub mod live;
pub mod run;
pub mod settings;

pub use error::{Error, Result};
#[cfg(feature = "connector-file")]
pub use velostream_connector_file as connector_file;
#[cfg(feature = "connector-kafka")]
pub use velostream_connector_kafka as connector_kafka;
pub use velostream_core as core;
pub use velostream_processor as processor;
pub use velostream_protocol as protocol;
#[cfg(feature = "store-memory")]
pub use velostream_store_memory as store_memory;
#[cfg(feature = "store-redb")]
pub use velostream_store_redb as store_redb;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
