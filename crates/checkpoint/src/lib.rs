//! The checkpoint of a task: where every split stands, which ids count as processed, which batches are open.
//!
//! Layer 1, on `velostream-core` and `velostream-envelope`. The ledger writes checkpoints into a ring; tools read
//! them back, also years later.
//!
//! Contract:
//! 1. A checkpoint that any release has written is read by every later one: each format is a frozen struct with golden
//!    bytes in `tests/golden`.
//! 2. A checkpoint of a later release is refused by name, never half read.
//! 3. Decoding never panics and allocates no more than a bounded multiple of its input, whatever the bytes say.
//! 4. Equal checkpoints have equal bytes.
//!
//! ```
//! use velostream_checkpoint::{CheckpointId, ProcessingCheckpoint, decode, encode};
//! use velostream_core::{SourcePosition, SplitId};
//!
//! let mut checkpoint = ProcessingCheckpoint::new(CheckpointId(1), 1_700_000_000_000);
//! let position = SourcePosition::File { path: "in/a".into(), offset: 10, line: 2 };
//! checkpoint.source_positions.insert(SplitId::new("in/a"), position);
//! let bytes = encode(&checkpoint)?;
//! assert_eq!(decode(&bytes)?, checkpoint);
//! # Ok::<(), velostream_checkpoint::Error>(())
//! ```
//!
//! It stores nothing (the ledger does) and holds no ids: they are referred to by the ranges of chunks that hold them.

mod codec;
mod error;
pub mod frozen;
mod model;

pub use codec::{FORMAT, MAX_CHECKPOINT_BYTES, decode, encode};
pub use error::{Error, Result};
pub use model::{ActiveBatch, CheckpointId, IdChunks, ProcessingCheckpoint, SCHEMA_VERSION};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
