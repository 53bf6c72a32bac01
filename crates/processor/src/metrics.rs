//! The metrics of a worker, in the Prometheus exposition of their OpenMetrics names.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use velostream_core::{DeliveryLevel, Disposition, LaneIndex};
use velostream_protocol::job::During;

mod ids;
mod store_calls;

pub use ids::IdHealth;
use ids::IdMetrics;

type Labels = [(&'static str, String); 1];
type FailureLabels = [(&'static str, &'static str); 2];

/// Everything that a worker counts. Cheap to clone; all clones count into one registry.
#[derive(Clone)]
pub struct ExactlyOnceMetrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    records_processed: Counter,
    bytes_processed: Counter,
    transactions_committed: Counter,
    transactions_aborted: Counter,
    recoveries_completed: Counter,
    batches_decoded: Counter,
    ids: IdMetrics,
    failures: Family<FailureLabels, Counter>,
    lag: Family<Labels, Gauge<i64, AtomicI64>>,
    last_commit: Gauge<f64, AtomicU64>,
    commit_duration: Histogram,
    claim_duration: Histogram,
}

impl fmt::Debug for ExactlyOnceMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExactlyOnceMetrics").field("totals", &self.totals()).finish()
    }
}

/// Totals of a worker since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records committed to the sink.
    pub records: u64,
    /// Bytes of these records as they crossed the worker.
    pub bytes: u64,
    /// Committed transactions.
    pub transactions: u64,
    /// Records known to be waiting in the source.
    pub lag_records: u64,
    /// Records that were delivered before and were left out.
    pub duplicates: u64,
    /// Ids that are remembered, where the job tells records apart by what they hold.
    pub tracked_records: u64,
}

/// Upper bounds in seconds, from one millisecond to ten seconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl ExactlyOnceMetrics {
    /// A registry of its own for one worker of `job`; `level` is what `explain` computed.
    #[must_use]
    pub fn new(job: &str, instance: &str, level: DeliveryLevel) -> Self {
        let mut registry = Registry::with_prefix_and_labels(
            "exactly_once",
            [("job".into(), job.to_owned().into()), ("instance".into(), instance.to_owned().into())]
                .into_iter(),
        );
        let info: Family<Labels, Gauge> = Family::default();
        info.get_or_create(&[("level", level.to_string())]).set(1);
        registry.register("guarantee_info", "Delivery level of the job", info);
        let mut inner = Inner {
            registry,
            records_processed: Counter::default(),
            bytes_processed: Counter::default(),
            transactions_committed: Counter::default(),
            transactions_aborted: Counter::default(),
            recoveries_completed: Counter::default(),
            batches_decoded: Counter::default(),
            ids: IdMetrics::default(),
            failures: Family::default(),
            lag: Family::default(),
            last_commit: Gauge::default(),
            commit_duration: Histogram::new(SECONDS),
            claim_duration: Histogram::new(SECONDS),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// The metrics of one lane.
    #[must_use]
    pub fn lane(&self, lane: LaneIndex) -> LaneMetrics {
        LaneMetrics {
            all: self.clone(),
            lag: self.0.lag.get_or_create(&[("lane", lane.to_string())]).clone(),
        }
    }

    /// Totals for progress lines and `/status`.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            records: self.0.records_processed.get(),
            bytes: self.0.bytes_processed.get(),
            transactions: self.0.transactions_committed.get(),
            lag_records: 0,
            duplicates: self.0.ids.duplicates(),
            tracked_records: self.0.ids.tracked_records(),
        }
    }

    /// The exposition text (OpenMetrics 1.0).
    #[must_use]
    pub fn export_prometheus(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.0.registry).is_err() {
            // Writing into a String does not fail; half an exposition would be worse than none.
            text.clear();
        }
        text
    }
}

impl Inner {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("records_processed", "Records committed to the sink", self.records_processed.clone());
        r.register("processed_bytes", "Bytes of committed records", self.bytes_processed.clone());
        r.register("transactions_committed", "Committed transactions", self.transactions_committed.clone());
        r.register("transactions_aborted", "Aborted transactions", self.transactions_aborted.clone());
        r.register(
            "recoveries_completed",
            "Completed claims after a start, a rebalance or a failure",
            self.recoveries_completed.clone(),
        );
        r.register(
            "batches_decoded",
            "Batches that could not pass through as they were",
            self.batches_decoded.clone(),
        );
        self.ids.register(r);
        r.register("failures", "Failed operations by operation and disposition", self.failures.clone());
        r.register("source_lag_records", "Records waiting in the source", self.lag.clone());
        r.register_with_unit(
            "last_commit_timestamp",
            "Time of the last commit",
            Unit::Seconds,
            self.last_commit.clone(),
        );
        r.register_with_unit(
            "commit_duration",
            "Time from the end of the data to the end of the transaction",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        r.register_with_unit("claim_duration", "Time of a claim", Unit::Seconds, self.claim_duration.clone());
    }
}

/// What one lane counts.
#[derive(Debug, Clone)]
pub struct LaneMetrics {
    all: ExactlyOnceMetrics,
    lag: Gauge<i64, AtomicI64>,
}

impl LaneMetrics {
    pub(crate) fn committed(&self, records: u64, bytes: u64, took: Duration, unix_ms: i64) {
        let m = &self.all.0;
        m.records_processed.inc_by(records);
        m.bytes_processed.inc_by(bytes);
        m.transactions_committed.inc();
        m.commit_duration.observe(took.as_secs_f64());
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium fit 53 bits")]
        m.last_commit.set(unix_ms as f64 / 1000.0);
    }

    pub(crate) fn claimed(&self, took: Duration) {
        self.all.0.recoveries_completed.inc();
        self.all.0.claim_duration.observe(took.as_secs_f64());
    }

    pub(crate) fn aborted(&self) {
        self.all.0.transactions_aborted.inc();
    }

    pub(crate) fn decoded(&self) {
        self.all.0.batches_decoded.inc();
    }

    pub(crate) fn failed(&self, during: During, disposition: Disposition) {
        let labels = [("operation", during.as_str()), ("disposition", disposition.as_str())];
        self.all.0.failures.get_or_create(&labels).inc();
    }

    pub(crate) fn lag(&self, records: Option<u64>) {
        if let Some(records) = records {
            self.lag.inner().store(i64::try_from(records).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}
