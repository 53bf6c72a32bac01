//! Primitives of the Kafka wire format (source: "Kafka protocol guide", KIP-482 for compact types and tagged fields).

mod reader;
mod writer;

pub use reader::{Malformed, Reader};
pub use writer::Writer;
