//! An async Kafka client that hides nothing: connections, metadata, coordinators, typed requests, exact errors.
//!
//! # Where it sits
//!
//! Layer 1: on `velostream-core` alone. The Kafka connector builds its source, its sink lanes and its membership on
//! it; record batches are opaque bytes here, `velostream-kafka-batch` reads them.
//!
//! # The contract
//!
//! * **Nothing happens behind the caller's back.** A request is sent once, in the order in which it was started, on a
//!   connection that the caller opened. Nothing is repeated except two questions that change nothing (metadata and
//!   coordinators, see [`Cluster`]).
//! * **A lost reply is named as one.** [`Error::Io`], [`Error::Timeout`] and [`Error::Closed`] say whether a byte of
//!   the request was written; [`Error::disposition`] turns that into Retry or Reconcile. After a timeout the
//!   connection is closed, so that a late reply can match nothing.
//! * **A broker's code is data.** Responses carry an [`ErrorCode`] per partition; one table says what each code means
//!   for the effect ([`ErrorCode::disposition`]) and what has to be looked up again ([`ErrorCode::refresh`]).
//! * **Hostile bytes cost little.** Responses go through decoders that compare every count and length with the bytes
//!   left; a frame is bounded by [`Config::max_response_bytes`] and memory grows only as bytes arrive. No input panics.
//! * **No anonymous membership.** The encoder of [`TxnOffsetCommit`] refuses an empty member id or a negative
//!   generation: a broker would accept them past every fence.
//! * **Bytes are not copied.** Record batches go from [`Segments`] to the socket in one vectored write and come back as
//!   slices of the response.
//!
//! # Example
//!
//! ```no_run
//! use velostream_kafka_client::{Cluster, Config, CoordinatorKind, EndTxn, InitProducerId, Request};
//!
//! # async fn example() -> Result<(), velostream_kafka_client::Error> {
//! let config = Config { bootstrap_servers: vec!["localhost:9092".to_owned()], ..Config::default() };
//! let cluster = Cluster::connect(config).await?;
//! let coordinator = cluster.coordinator(CoordinatorKind::Transaction, "job.lane").await?;
//! let connection = cluster.open(coordinator).await?;
//! let init = connection
//!     .send(InitProducerId {
//!         transactional_id: Some("job.lane".to_owned()),
//!         timeout: std::time::Duration::from_secs(10),
//!         producer_id: -1,
//!         producer_epoch: -1,
//!     })
//!     .await?;
//! init.error.check(connection.broker(), InitProducerId::KEY)?;
//! // Produce, TxnOffsetCommit ... then:
//! let v2 = cluster.features().transaction_version() >= 2;
//! let end = connection
//!     .send(EndTxn {
//!         transactional_id: "job.lane".to_owned(),
//!         producer_id: init.producer_id,
//!         producer_epoch: init.producer_epoch,
//!         commit: true,
//!         max_version: if v2 { EndTxn::MAX } else { EndTxn::MAX_V1 },
//!     })
//!     .await;
//! if let Err(error) = &end {
//!     // Retry: nothing was sent. Reconcile: the transaction may be committed.
//!     println!("{error}: {}", error.disposition());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! No consumer, no producer, no batching, no retries of writes, no partitioner: those decide about exactly-once and
//! belong to the connector. No fetch sessions (KIP-227), no TLS and no SASL yet ([`Security`] has the seat), no groups
//! of the new protocol (KIP-848). Time is tokio's, so that a paused runtime simulates it.

mod api_key;
mod backoff;
mod broker;
mod cluster;
mod config;
mod connection;
mod coordinator;
mod error;
mod error_code;
mod frame;
mod metadata;
mod request;
mod requests;
mod segments;
mod transport;
mod wire;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use api_key::ApiKey;
pub use broker::{Broker, BrokerId};
pub use cluster::Cluster;
pub use config::Config;
pub use connection::{Connection, Pending};
pub use error::{Error, Result};
pub use error_code::{ErrorCode, Refresh};
pub use metadata::Leader;
pub use request::{Isolation, LeaderHint, PartitionResult, Request, TopicPartitions, TopicRef};
pub use requests::*;
pub use segments::Segments;
pub use transport::Security;
pub use wire::{Malformed, Reader, Writer};
