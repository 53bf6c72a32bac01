//! Stores behind a [`Wrapper`](crate::Wrapper).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{Clock, Disposition};
use velostream_ledger::{ObservedStore, RetryPolicy, RetryingStore, StoreCall, StoreObserver};

use crate::FaultyStore;

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

pub(crate) fn retrying<S: ?Sized>(store: Arc<S>) -> Arc<RetryingStore<S>> {
    Arc::new(RetryingStore::new(store, Arc::new(Impatient), POLICY))
}

pub(crate) fn observed<S: ?Sized>(store: Arc<S>) -> Arc<ObservedStore<S>> {
    Arc::new(ObservedStore::new(store, Arc::new(Impatient), Arc::new(Deaf)))
}

pub(crate) fn faulty<S: ?Sized>(store: Arc<S>) -> Arc<RetryingStore<FaultyStore<S>>> {
    retrying(Arc::new(FaultyStore::every(store, 3)))
}
