//! The job file as types: one noun per file.

pub(crate) mod client;
pub(crate) mod duration;
pub(crate) mod dynamodb_state;
pub(crate) mod exactly_once;
pub(crate) mod format;
pub(crate) mod http;
pub(crate) mod job_file;
pub(crate) mod name;
pub(crate) mod postgres_state;
pub(crate) mod processing;
pub(crate) mod record_ids;
pub(crate) mod redis_state;
pub(crate) mod redis_tls;
pub(crate) mod redis_topology;
pub(crate) mod secret;
pub(crate) mod servers;
pub(crate) mod sink;
pub(crate) mod size;
pub(crate) mod source;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod state_store;
pub(crate) mod store_class;
pub(crate) mod topic_pattern;
