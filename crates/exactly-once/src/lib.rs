//! Exactly-once stream processing between systems: the facade of velostream.
//!
//! Layer 4: what a program embeds. It assembles the parts of the layers below and holds no logic of the data path.
//!
//! - [`CrossClusterExactlyOnce`]: topics from one Kafka cluster to another, put together in a program.
//! - [`ExactlyOnceJobProcessor`]: a worker of any job, from a job file ([`config`]) or put together in a program.
//! - [`explain`](mod@explain): what a job promises, and why; [`live`]: what its clusters say before it runs.
//!
//! Cargo features pick the systems: `connector-kafka`, `connector-file`, `store-redb`, `store-memory`, `store-redis`,
//! `store-postgres`, `store-dynamodb`; all of them are on by default.
//!
//! # Contract
//! - A job file is accepted as a whole or refused with file, line, column and what to write instead. A key that no
//!   part exists for is refused, never ignored.
//! - Values that came from a variable or a secret file appear in no error.
//! - The level that [`explain::explain`] computes is what the job gives under the assumptions that it lists.
//!
//! # Example
//! A copy of two topics, until Ctrl-C:
//! ```no_run
//! use exactly_once::CrossClusterExactlyOnce;
//!
//! # async fn run() -> exactly_once::core::Result<()> {
//! let stats = CrossClusterExactlyOnce::between("kafka-a:9092", "kafka-b:9092")
//!     .job("orders-dr")
//!     .topic("orders")
//!     .topic("/payments\\..*/")
//!     .run_until(async { drop(tokio::signal::ctrl_c().await) })
//!     .await?;
//! println!("{} records, {} a second", stats.records, stats.records_per_second());
//! # Ok(())
//! # }
//! ```
//!
//! A job file says the same, and one that is wrong is refused with its place:
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
#[cfg(feature = "connector-kafka")]
mod cross_cluster;
mod error;
pub mod explain;
mod health;
mod http;
mod job_processor;
pub mod job_state;
#[cfg(all(feature = "connector-kafka", feature = "connector-file"))]
pub mod live;
pub mod run;
pub mod settings;
pub mod state_store;

pub use config::{ExactlyOnceConfig, JobFile, JobProcessingConfig};
#[cfg(feature = "connector-kafka")]
pub use cross_cluster::CrossClusterExactlyOnce;
pub use error::{Error, Result};
pub use health::{HealthCheck, HealthCheckResult};
pub use job_processor::ExactlyOnceJobProcessor;
pub use job_state::JobState;
pub use run::JobExecutionStats;
#[cfg(feature = "store-dynamodb")]
pub use state_store::DynamoDbStateStore;
#[cfg(feature = "store-memory")]
pub use state_store::InMemoryStateStore;
#[cfg(feature = "store-postgres")]
pub use state_store::PostgresStateStore;
#[cfg(feature = "store-redb")]
pub use state_store::RedbStateStore;
#[cfg(feature = "store-redis")]
pub use state_store::RedisStateStore;
pub use state_store::StateStore;
pub use velostream_core::{SourcePosition, StreamRecord};
pub use velostream_processor::{ExactlyOnceMetrics, ProcessedRecordTracker};
pub use velostream_record_id::{RecordIdStrategy, RecordIdentifier};

#[cfg(feature = "connector-file")]
pub use velostream_connector_file as connector_file;
#[cfg(feature = "connector-kafka")]
pub use velostream_connector_kafka as connector_kafka;
pub use velostream_core as core;
pub use velostream_processor as processor;
pub use velostream_protocol as protocol;
#[cfg(feature = "store-dynamodb")]
pub use velostream_store_dynamodb as store_dynamodb;
#[cfg(feature = "store-memory")]
pub use velostream_store_memory as store_memory;
#[cfg(feature = "store-postgres")]
pub use velostream_store_postgres as store_postgres;
#[cfg(feature = "store-redb")]
pub use velostream_store_redb as store_redb;
#[cfg(feature = "store-redis")]
pub use velostream_store_redis as store_redis;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles the examples of the project's README. Only a checkout has that file.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
