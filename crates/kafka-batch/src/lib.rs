//! Kafka record batches as bytes: a view of the 61-byte header, its rewrite, a record reader and writer, the four
//! codecs, CRC-32C.
//!
//! # Where it sits
//!
//! Layer 1: on `velostream-core` alone, pure and synchronous. The Kafka client hands it what a Fetch reply holds and
//! produces what it returns. A batch that nothing must look inside passes through compressed: only its header is
//! written anew.
//!
//! # The contract
//!
//! * **Corruption is not laundered.** [`Batch::verify_crc`] checks a batch when it arrives. [`rewrite`] then derives
//!   the new checksum from the stored one, so a body that changed since still fails at the next reader.
//! * **Nothing unknown passes.** Unknown attribute bits, codecs and magics are errors under their own names, and
//!   [`rewrite`] refuses a batch for which [`Batch::fallback`] has a reason.
//! * **Bytes are kept.** Null and empty differ, headers keep order and duplicates and names that are not UTF-8, any
//!   64-bit timestamp survives.
//! * **Hostile bytes cost little.** No input panics. Decompression stops at [`Limits::max_decompressed_bytes`]; the
//!   records of a section take at most 50 bytes for each of its bytes; nothing else is allocated by a number that the
//!   input claims.
//!
//! # Example
//!
//! ```
//! use velostream_kafka_batch::{
//!     Batches, Compression, Limits, ProducerStamp, Record, WriteOptions, rewrite, write_batch,
//! };
//!
//! # fn main() -> Result<(), velostream_kafka_batch::Error> {
//! let record = Record { value: Some("hello".into()), timestamp: 1_700_000_000_000, ..Record::default() };
//! let fetched = write_batch(&[record], WriteOptions { compression: Compression::Lz4, ..WriteOptions::default() })?;
//!
//! let mut sequence = 0;
//! for batch in Batches::new(fetched) {
//!     let batch = batch?;
//!     batch.verify_crc()?;
//!     match batch.fallback(0) {
//!         None => {
//!             let stamp = ProducerStamp { id: 4711, epoch: 3, base_sequence: sequence };
//!             let produce = rewrite(&batch, stamp)?;
//!             assert_eq!(produce.body, batch.body());
//!             sequence += batch.count();
//!         }
//!         Some(reason) if reason.is_position_only() => {}
//!         Some(_) => {
//!             let records = batch.records(Limits { max_decompressed_bytes: 64 << 20 })?;
//!             write_batch(&records, WriteOptions { compression: batch.compression()?, ..WriteOptions::default() })?;
//!         }
//!     }
//! }
//! assert_eq!(sequence, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It reads no message set of magic 0 or 1 (before Kafka 0.11). It filters no aborted transactions: that needs the
//! Fetch reply's list, see [`ControlMarker`]. It picks no compression level, splits no batch by size and
//! does not choose which batches to [`merge`]. It holds no
//! connection and knows no request.

mod attributes;
mod batch;
mod batches;
mod compression;
mod crc;
mod error;
mod fallback;
mod header;
mod marker;
mod merge;
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
pub use merge::merge;
pub use reader::RecordReader;
pub use record::{Limits, Record, RecordHeader, WriteRecord};
pub use rewrite::{ProducerStamp, Rewritten, rewrite};
pub use writer::{WriteOptions, write_batch, write_marker};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
