//! What a worker counts where records are told apart by what they hold.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::LaneMetrics;

/// Ids: what was filtered, what is remembered, and what the state store was asked.
#[derive(Debug, Default)]
pub(super) struct IdMetrics {
    filtered: Counter,
    tracked: Gauge<i64, AtomicI64>,
    checkpoints: Counter,
    last_checkpoint: Gauge<f64, AtomicU64>,
    operations: Family<[(&'static str, &'static str); 1], Counter>,
    shrunk: Counter,
    shrunk_to: Gauge<f64, AtomicU64>,
}

impl IdMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register(
            "duplicates_filtered",
            "Records that were left out because an equal one was delivered before",
            self.filtered.clone(),
        );
        r.register("tracked_records", "Record ids that are remembered", self.tracked.clone());
        r.register("checkpoints_created", "Checkpoints saved in the state store", self.checkpoints.clone());
        r.register_with_unit(
            "last_checkpoint_timestamp",
            "Time of the last checkpoint",
            Unit::Seconds,
            self.last_checkpoint.clone(),
        );
        r.register("state_operations", "Calls of the state store by operation", self.operations.clone());
        r.register(
            "deduplication_window_shrunk",
            "How often ids were forgotten before their window had ended, because there were too many",
            self.shrunk.clone(),
        );
        r.register_with_unit(
            "deduplication_window_shrunk_to",
            "Window that was left when ids were forgotten early the last time",
            Unit::Seconds,
            self.shrunk_to.clone(),
        );
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.filtered.get()
    }

    pub(super) fn tracked_records(&self) -> u64 {
        u64::try_from(self.tracked.get()).unwrap_or(0)
    }
}

impl LaneMetrics {
    pub(crate) fn filtered(&self, records: u64) {
        self.all.0.ids.filtered.inc_by(records);
    }

    pub(crate) fn tracked(&self, ids: u64) {
        self.all.0.ids.tracked.inner().store(i64::try_from(ids).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn checkpoint_created(&self, unix_ms: i64) {
        self.all.0.ids.checkpoints.inc();
        self.all.0.ids.last_checkpoint.set(seconds(unix_ms));
    }

    pub(crate) fn state_operation(&self, operation: &'static str) {
        self.all.0.ids.operations.get_or_create(&[("operation", operation)]).inc();
    }

    pub(crate) fn window_shrunk(&self, to_ms: i64) {
        self.all.0.ids.shrunk.inc();
        self.all.0.ids.shrunk_to.set(seconds(to_ms));
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium fit 53 bits")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
