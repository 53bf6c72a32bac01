//! What a worker counts where records are told apart by what they hold.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use velostream_core::Error;

use super::store_calls::StoreCalls;
use super::{ExactlyOnceMetrics, LaneMetrics};
use crate::{Deduplication, OnTrackingLimit};

/// Ids: what was filtered, what is remembered, and what the state store was asked.
#[derive(Debug, Default)]
pub(super) struct IdMetrics {
    filtered: Counter,
    late: Counter,
    held_elsewhere: Counter,
    latest: Gauge<f64, AtomicU64>,
    tracked: Gauge<i64, AtomicI64>,
    checkpoints: Counter,
    last_checkpoint: Gauge<f64, AtomicU64>,
    calls: StoreCalls,
    operations: Family<[(&'static str, &'static str); 1], Counter>,
    shrunk: Counter,
    shrunk_to: Gauge<f64, AtomicU64>,
    health: Mutex<Option<IdHealth>>,
}

/// What was last seen of the ids of a worker; times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdHealth {
    /// Why the last call of the state store failed; `None` where it did not.
    pub store_error: Option<String>,
    /// Ids that are remembered.
    pub tracked_records: u64,
    /// Most ids that may be.
    pub max_tracked_records: u64,
    /// The job stops where there are more.
    pub stops_at_bound: bool,
    /// The first transaction that the newest checkpoint does not know.
    pub uncovered_since_ms: Option<i64>,
    /// How often a checkpoint is due.
    pub checkpoint_interval: Duration,
}

impl IdMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register(
            "duplicates_filtered",
            "Records that were left out because an equal one was delivered before",
            self.filtered.clone(),
        );
        r.register(
            "deduplication_late_records",
            "Records that passed although nothing says whether an equal one was delivered, because their own time is a window or more behind the latest",
            self.late.clone(),
        );
        r.register(
            "shared_ids_held_elsewhere",
            "How often ids were asked for while another job held one of them, so that this one waited",
            self.held_elsewhere.clone(),
        );
        r.register_with_unit(
            "deduplication_latest_timestamp",
            "Latest own time of a record that was delivered, where windows are by event time",
            Unit::Seconds,
            self.latest.clone(),
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
        self.calls.register(r);
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

    pub(super) const fn calls(&self) -> &StoreCalls {
        &self.calls
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.filtered.get()
    }

    pub(super) fn tracked_records(&self) -> u64 {
        u64::try_from(self.tracked.get()).unwrap_or(0)
    }
}

impl ExactlyOnceMetrics {
    /// What was last seen of the ids; `None` where records are told apart by their place in the source.
    #[must_use]
    pub fn id_health(&self) -> Option<IdHealth> {
        self.0.ids.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl LaneMetrics {
    pub(crate) fn ids_are_tracked(&self, config: &Deduplication) {
        let health = IdHealth {
            store_error: None,
            tracked_records: 0,
            max_tracked_records: config.window.max_tracked_records,
            stops_at_bound: config.window.on_tracking_limit == OnTrackingLimit::Stop,
            uncovered_since_ms: None,
            checkpoint_interval: config.checkpoint_interval,
        };
        *self.all.0.ids.health.lock().unwrap_or_else(PoisonError::into_inner) = Some(health);
    }

    /// The state store did, or failed to do, what it was asked.
    pub(crate) fn store_answered(&self, error: Option<&Error>) {
        self.health(|health| health.store_error = error.map(ToString::to_string));
    }

    pub(crate) fn remembered(&self, unix_ms: i64) {
        self.health(|health| {
            health.uncovered_since_ms.get_or_insert(unix_ms);
        });
    }

    fn health(&self, change: impl FnOnce(&mut IdHealth)) {
        if let Some(health) = &mut *self.all.0.ids.health.lock().unwrap_or_else(PoisonError::into_inner) {
            change(health);
        }
    }

    pub(crate) fn filtered(&self, records: u64) {
        self.all.0.ids.filtered.inc_by(records);
    }

    pub(crate) fn ids_held_elsewhere(&self) {
        self.all.0.ids.held_elsewhere.inc();
    }

    pub(crate) fn event_time(&self, late: u64, latest_ms: Option<i64>) {
        self.all.0.ids.late.inc_by(late);
        if let Some(latest_ms) = latest_ms {
            self.all.0.ids.latest.set(seconds(latest_ms));
        }
    }

    pub(crate) fn tracked(&self, ids: u64) {
        self.all.0.ids.tracked.inner().store(i64::try_from(ids).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.health(|health| health.tracked_records = ids);
    }

    pub(crate) fn checkpoint_created(&self, unix_ms: i64) {
        self.all.0.ids.checkpoints.inc();
        self.all.0.ids.last_checkpoint.set(seconds(unix_ms));
        self.health(|health| health.uncovered_since_ms = None);
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
