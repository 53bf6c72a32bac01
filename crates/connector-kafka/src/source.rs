//! The source: which partitions there are, and reading them.

mod discovery;
mod ends;
mod fetcher;
mod loss;
mod partition;
mod queue;
mod reader;

pub use discovery::starting_positions;
pub(crate) use discovery::{discover, resolve_start, split_of};
pub use ends::Ends;
pub use reader::KafkaReader;
