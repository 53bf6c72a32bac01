//! Proves that a Kafka sink holds each source record once, in order and unchanged.
//!
//! Layer 3. It reads both clusters through librdkafka and depends on nothing of velostream's data path: a fault in our
//! Kafka client, batch codec or protocol cannot hide itself here. Use it after any replication, also one that
//! velostream did not do.
//!
//! # Contract
//! [`verify()`] compares, per source partition with the sink partition of the same number, what a read_committed
//! reader sees: the same records, in the same order, with byte-equal key, value and headers (an ordered list; null and
//! empty differ) and the same timestamp. [`Report::is_identical`] is true only if every record of both sides was
//! matched. Each difference is counted once, by [`Kind`], with its offsets. Memory is bounded whatever the topics hold.
//!
//! ```no_run
//! use velostream_core::Clock;
//! use velostream_verifier::{Cluster, Config, Error, Report, TopicPair, verify};
//!
//! fn check(clock: &dyn Clock) -> Result<Report, Error> {
//!     let config = Config::new(
//!         Cluster::new("127.0.0.1:19092"),
//!         Cluster::new("127.0.0.1:29092"),
//!         vec![TopicPair::new("orders", "orders")],
//!     );
//!     verify(&config, clock, &|progress| eprintln!("{} records read", progress.records_read))
//! }
//! ```
//!
//! The comparison itself is pure and can be fed by hand:
//!
//! ```
//! use velostream_verifier::{Comparer, Fingerprint, Item, Limits, Side};
//!
//! let record = |value: &'static str| Fingerprint::new(None, Some(value.as_bytes()), [], 0);
//! let mut comparer = Comparer::new(Limits::default());
//! let mut source = ["a", "b", "c"].iter().zip(0..);
//! let mut sink = ["a", "c"].iter().zip(0..);
//! while let Some(side) = comparer.wants() {
//!     let next = if side == Side::Source { source.next() } else { sink.next() };
//!     match next {
//!         Some((value, offset)) => comparer.feed(side, Item::new(offset, record(value))),
//!         None => comparer.end(side),
//!     }
//! }
//! let outcome = comparer.finish();
//! assert_eq!((outcome.counts.matched, outcome.counts.missing), (2, 1));
//! assert_eq!(outcome.findings[0].source_offset, Some(1));
//! ```
//!
//! # What it does not do
//! It compares no leader epochs, no producer ids and no batch boundaries, and of a header's name that holds a zero byte
//! only what stands before that (librdkafka gives out no more; [`Report::unread_headers`] counts the records). It does
//! not wait for a replication to catch up, and it does not compare partitions of different numbers.

mod client;
mod compare;
mod config;
mod error;
mod finding;
mod fingerprint;
mod history;
mod native_headers;
mod pending;
mod plan;
mod reader;
mod report;
mod verify;
mod window;

pub use compare::{Comparer, Item, Limits, Outcome, Side};
pub use config::{Cluster, Config, TopicPair};
pub use error::Error;
pub use finding::{Counts, Finding, Kind};
pub use fingerprint::Fingerprint;
pub use report::{PartitionReport, Report};
pub use verify::{Progress, verify};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
