//! The source: which partitions there are, and reading them.

mod discovery;
mod fetcher;
mod partition;
mod queue;
mod reader;

pub(crate) use discovery::{discover, resolve_start};
pub use reader::KafkaReader;
