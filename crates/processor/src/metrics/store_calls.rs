//! What each call of the state store took.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use velostream_core::Disposition;
use velostream_ledger::{StoreCall, StoreObserver};

use super::{ExactlyOnceMetrics, SECONDS};

type Calls = [(&'static str, &'static str); 1];
type Failures = [(&'static str, &'static str); 2];

/// Round trips to the store, by call; those of `state_operations` are what the worker asked for, each made of some of these.
#[derive(Debug)]
pub(super) struct StoreCalls {
    duration: Family<Calls, Histogram, fn() -> Histogram>,
    failures: Family<Failures, Counter>,
}

impl Default for StoreCalls {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Self { duration: Family::new_with_constructor(histogram), failures: Family::default() }
    }
}

impl StoreCalls {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register_with_unit(
            "state_store_call_duration",
            "Time of a call of the state store that was answered, by call",
            Unit::Seconds,
            self.duration.clone(),
        );
        r.register(
            "state_store_call_failures",
            "Calls of the state store that failed, by call and disposition",
            self.failures.clone(),
        );
    }
}

/// A store that is wrapped into [`ObservedStore`](velostream_ledger::ObservedStore) shows its calls here.
impl StoreObserver for ExactlyOnceMetrics {
    fn store_called(&self, call: StoreCall, took: Duration, failed: Option<Disposition>) {
        let calls = self.0.ids.calls();
        match failed {
            None => {
                calls.duration.get_or_create(&[("call", call.as_str())]).observe(took.as_secs_f64());
            }
            Some(disposition) => {
                let labels = [("call", call.as_str()), ("disposition", disposition.as_str())];
                calls.failures.get_or_create(&labels).inc();
            }
        }
    }
}
