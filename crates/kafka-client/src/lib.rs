//! An async Kafka client that hides nothing: connections, metadata, coordinators, typed requests, exact errors.

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
