//! Exactly-once Kafka source and sink: membership, registry, claims, transactional lanes.
//!
//! Layer 2': on `velostream-core`, `velostream-protocol`, `velostream-kafka-batch` and `velostream-kafka-client`. The
//! driver of `velostream-processor` uses it through the traits of core.
//!
//! * [`KafkaMembership`] keeps the worker in the job's consumer group **on the sink cluster** and publishes one
//!   versioned value: member id, generation, splits.
//! * [`Registry`] pins which source partition stands behind each partition of the job's internal topic.
//! * [`KafkaReader`] fetches a lane's splits with explicit positions; nothing is committed on the source.
//! * [`KafkaLane`] claims splits and delivers them in transactions that hold data, progress and the offset commit
//!   whose membership check is the fence.
//!
//! Every decision of a lane is made by [`velostream_protocol::kafka_lane`]; this crate turns it into requests.

#![allow(unexpected_cfgs, reason = "`cfg(fuzzing)` is set by `cargo xtask fuzz` alone")]

mod batch;
mod config;
mod connections;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod membership;
mod names;
mod offsets;
mod registry;
mod retention;
mod sink;
mod source;

pub use config::{GapPolicy, SinkConfig, SourceConfig, Start, TopicPattern};
pub use error::{Error, Gap, Result};
pub use membership::{GroupToken, KafkaMembership, MembershipParts};
pub use names::Names;
pub use registry::Registry;
pub use retention::Retention;
pub use sink::{Concern, DestinationSettings, KafkaLane};
pub use source::{Ends, KafkaReader, starting_positions};
pub use velostream_kafka_client as client;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
