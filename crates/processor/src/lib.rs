//! The driver that turns protocol decisions into I/O, with metrics and health.
//!
//! Layer 2: on top of `velostream-core` and `velostream-protocol`; knows no backend. A [`Worker`] runs one or more
//! lanes. Each lane has a driver of its own that observes facts, hands them to
//! [`job::step`](velostream_protocol::job::step) and performs the effects; it is the only caller of that function.
//! Retries, their pauses and their metrics live here and nowhere else.

mod backoff;
mod clock;
mod driver;
mod metrics;
mod pace;
mod status;
mod tracker;
mod worker;

use std::time::Duration;

pub use backoff::Backoff;
pub use clock::SystemClock;
pub use metrics::{ExactlyOnceMetrics, IdHealth, LaneMetrics, Totals};
pub use status::{LaneStatus, SplitStatus};
pub use tracker::{
    Deduplication, DeduplicationTime, OnIdLoss, OnTrackingLimit, ProcessedRecordTracker, Sharing, Window,
};
pub use worker::{LaneParts, StopHandle, Worker, WorkerConfig};

/// When a transaction ends, and whether batches may pass through undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transactions {
    /// The age at which it is committed at the latest; an open transaction hides data from every read_committed reader.
    /// It is committed sooner where commits are cheap: at ten times what one takes, but not before 100 ms.
    pub max_interval: Duration,
    /// Size at which it is committed.
    pub max_bytes: u64,
    /// False decodes and encodes every batch; for comparison only.
    pub pass_through: bool,
}

impl Default for Transactions {
    fn default() -> Self {
        Self { max_interval: Duration::from_millis(500), max_bytes: 128 << 20, pass_through: true }
    }
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
