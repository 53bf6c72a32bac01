//! What may stand between a job and its store: none of it may change what the store says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{Clock, ConditionalStore, Disposition};
use velostream_ledger::{ObservedStore, RetryPolicy, RetryingStore, StoreCall, StoreObserver};

use crate::{FaultyStore, Fixture};

/// The history behind a wrapper is shorter: the store itself was checked at length.
const HISTORY: usize = 500;

fn shortened(fixture: Fixture) -> Fixture {
    let history = fixture.history().min(HISTORY);
    fixture.with_history(history)
}

/// More attempts than one call can be unlucky.
const POLICY: RetryPolicy =
    RetryPolicy { attempts: 100, base: Duration::from_millis(1), max: Duration::from_millis(1) };

/// Gives the others a turn instead of waiting.
#[derive(Debug)]
struct Impatient;

#[async_trait]
impl Clock for Impatient {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_ms(&self) -> i64 {
        0
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

#[derive(Debug)]
struct Deaf;

impl StoreObserver for Deaf {
    fn store_called(&self, _: StoreCall, _: Duration, _: Option<Disposition>) {}
}

fn retrying(store: Arc<dyn ConditionalStore>) -> Arc<dyn ConditionalStore> {
    Arc::new(RetryingStore::new(store, Arc::new(Impatient), POLICY))
}

/// The store behind [`RetryingStore`].
#[must_use]
pub fn through_retries(fixture: Fixture) -> Fixture {
    shortened(fixture.through(retrying))
}

/// The store behind [`ObservedStore`].
#[must_use]
pub fn through_metrics(fixture: Fixture) -> Fixture {
    let observed = |store| -> Arc<dyn ConditionalStore> {
        Arc::new(ObservedStore::new(store, Arc::new(Impatient), Arc::new(Deaf)))
    };
    shortened(fixture.through(observed))
}

/// The store behind [`RetryingStore`] and a network in which every third request does not reach it.
#[must_use]
pub fn through_faults(fixture: Fixture) -> Fixture {
    let faulty = |store| retrying(Arc::new(FaultyStore::every(store, 3)));
    shortened(fixture.through(faulty))
}

/// Puts a wrapper around the store of a fixture.
pub type Wrap = fn(Fixture) -> Fixture;

/// Every wrapper with its name, for suites that cannot use
/// [`conformance_through_wrappers!`](crate::conformance_through_wrappers).
pub const WRAPPERS: [(&str, Wrap); 3] = [
    ("through_retries", through_retries),
    ("through_metrics", through_metrics),
    ("through_faults", through_faults),
];
