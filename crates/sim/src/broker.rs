//! A small honest Kafka: what the sink cluster and the source's log do, from the brokers' sources and from what was
//! seen on Kafka 4.3.1 (`docs/PROTOCOL.md`). It answers requests and is told when time passes; it knows no faults.

mod cluster;
mod group;
mod log;
mod offsets;
mod request;
mod transactions;

pub(crate) use cluster::{Cluster, Later, Settings};
pub(crate) use log::{Content, Delivery, Log};
pub(crate) use request::{Answer, Code, Fetched, Part, Request, Stored, StoredOffset};
