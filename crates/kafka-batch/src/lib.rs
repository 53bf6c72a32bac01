//! Kafka record batches as bytes: header view and rewrite, record reader and writer, compression, CRC-32C.
mod attributes;
mod batch;
mod batches;
mod compression;
mod crc;
mod error;
mod fallback;
mod header;
mod marker;
mod reader;
mod record;
mod rewrite;
mod varint;
mod writer;

pub use attributes::TimestampType;
pub use batch::Batch;
pub use batches::Batches;
pub use compression::Compression;
pub use error::{Error, RecordFault, Result};
pub use fallback::Fallback;
pub use marker::ControlMarker;
pub use reader::RecordReader;
pub use record::{Limits, Record, RecordHeader};
pub use rewrite::{ProducerStamp, Rewritten, rewrite};
pub use writer::{WriteOptions, write_batch, write_marker};
