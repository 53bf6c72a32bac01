//! Real servers on loopback: installed from package registries, started without root, stopped by pid.
//!
//! [`KafkaCluster`] is what suites, benches and the demo share. Every node is a process of its own with its own
//! directory, so that it can be killed, paused and restarted at a chosen instant.

mod certificates;
mod container;
mod dynamodb;
mod host;
mod install;
mod jars;
mod kafka_cluster;
mod kafka_config;
mod kafka_install;
mod kafka_node;
mod kafka_pair;
mod kafka_tool;
mod location;
mod port;
mod postgres;
mod prerequisites;
mod process;
mod provider;
mod redis;
mod redis_cluster;
mod redis_node;
mod redis_sentinels;
mod valkey;

pub use certificates::Authority;
pub use dynamodb::{DynamoDb, dynamodb_libs};
pub use kafka_cluster::{ClusterOptions, Footprint, KafkaCluster, Ports};
pub use kafka_config::{NodeConfig, ProxiedListener};
pub use kafka_install::{KAFKA_VERSION, KafkaInstall};
pub use kafka_node::KafkaNode;
pub use kafka_pair::KafkaPair;
pub use kafka_tool::KafkaTool;
pub use location::{repository_root, services_dir};
pub use port::free_ports;
pub use postgres::PostgresServer;
pub use prerequisites::{Prerequisite, ensure};
pub(crate) use process::pause;
pub use process::{ServerProcess, Signal};
pub use provider::{PROVIDER_VARIABLE, Provider, foreign_url};
pub use redis::RedisServer;
pub use redis_cluster::RedisCluster;
pub use redis_node::RedisNode;
pub use redis_sentinels::RedisSentinels;
pub use valkey::valkey_program;
