//! File source and exactly-once file sink.
//!
//! Layer 2': a connector on `velostream-core`; the driver knows it only through core's traits. The source reads
//! lines of files that match a pattern ([`FileSource`], [`FileReader`]); [`LocalMembership`] owns the splits of a
//! job that runs in one process; the sink ([`FileLane`]) commits lines and the progress of every split in one
//! atomic unit, so that a job that ends here is exactly-once without any other store. [`CommittedReader`] reads
//! what is committed.
//!
//! # Contract
//! - Source: lines of a file in order, from the position on, none skipped, none twice; files may only grow.
//! - Sink: after any crash of process or machine the committed lines are those of the commits that were confirmed,
//!   plus at most the one whose answer was lost, which the next claim reports as committed. One owner at a time: an
//!   operating system lock keeps a second process out, an epoch fences one that thinks it still owns.
//! - Needs a local POSIX file system: atomic `rename` and `link`, `fsync` that does what it says, one host.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! # use velostream_core::{Clock, Membership, SinkLane, SplitReader, JobName, BatchId, Progress, Read};
//! use velostream_connector_file::{
//!     CommittedReader, FileLane, FileSource, LocalMembership, SinkConfig, SourceConfig, Start,
//! };
//! # #[derive(Debug)] struct Stopped;
//! # #[async_trait::async_trait] impl Clock for Stopped {
//! #     fn monotonic(&self) -> Duration { Duration::ZERO }
//! #     fn unix_ms(&self) -> i64 { 0 }
//! #     async fn sleep(&self, _: Duration) {}
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock: Arc<dyn Clock> = Arc::new(Stopped);
//! # let dir = tempfile::tempdir()?;
//! # let (input, output) = (dir.path().join("in.ndjson"), dir.path().join("out"));
//! std::fs::write(&input, "{\"id\":1}\n{\"id\":2}\n")?;
//! let source = FileSource::new(SourceConfig::new(input.display().to_string()), clock)?;
//! let assignment = LocalMembership::of(&source).await?.current();
//!
//! let sink = SinkConfig::new(JobName::new("orders"), output.join("orders.ndjson"));
//! let mut lane = FileLane::new(sink, Start::of_files())?;
//! let claims = lane.claim(&assignment, &assignment.splits).await?;
//!
//! let mut reader = source.reader();
//! let positions: Vec<_> = claims.iter().map(|c| (c.split.clone(), c.position.clone())).collect();
//! reader.assign(&positions).await?;
//! while let Read::Chunk(chunk) = reader.next(Duration::ZERO).await? {
//!     let (split, next) = (chunk.split.clone(), chunk.next.clone());
//!     lane.begin(&assignment).await?;
//!     lane.write(chunk).await?;
//!     lane.commit(&[Progress { split, next, batch: BatchId(1), released: false }]).await?;
//! }
//! lane.close().await?;
//!
//! let committed = std::io::read_to_string(CommittedReader::open(&output)?)?;
//! assert_eq!(committed, "{\"id\":1}\n{\"id\":2}\n");
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//! Keys, headers and timestamps have no place in a line and are dropped; a value with a line feed and a record
//! without value are refused. One directory has one writer: no partitioning over lanes or hosts, no rotation by
//! size or time, no compression. The source reads no compressed files and does not notice a file whose content was
//! exchanged below the position while its size did not shrink.

#![allow(unexpected_cfgs, reason = "`cfg(fuzzing)` is set by `cargo xtask fuzz` alone")]

mod committed;
mod config;
mod cursor;
mod disk;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod lane;
mod layout;
mod line_format;
mod lines;
mod lock;
mod manifest;
mod manifest_store;
mod membership;
mod reader;
mod source;
mod writer;

/// The README's example is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use committed::CommittedReader;
pub use config::{Format, SinkConfig, SourceConfig};
pub use error::{Error, Result};
pub use lane::{FileLane, Start};
pub use manifest::{Committed, DataFile, Manifest};
pub use membership::{LocalMembership, LocalToken};
pub use reader::FileReader;
pub use source::{FileSource, start_of};
