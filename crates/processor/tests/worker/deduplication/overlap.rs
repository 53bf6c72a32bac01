//! While the store answers, the sink takes the rest of the transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{ConditionalStore, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned};
use velostream_store_memory::MemoryStore;

use super::rig::Rig;
use super::{RECORDS, assert_each_value_once, value};
use crate::ends::MemorySink;

/// A store that takes a moment to commit, and then looks whether the sink is busy.
#[derive(Debug)]
struct SlowStore {
    store: Arc<MemoryStore>,
    sink: MemorySink,
    beside_the_sink: AtomicU32,
}

#[async_trait]
impl ConditionalStore for SlowStore {
    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        tokio::task::yield_now().await;
        if self.sink.is_preparing() {
            self.beside_the_sink.fetch_add(1, Ordering::Relaxed);
        }
        self.store.commit(puts, root).await
    }

    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.store.delete(keys).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        self.store.list(prefix, after, max).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.store.attest().await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.store.health_check(deadline).await
    }
}

#[tokio::test]
async fn round_trip_of_the_store_hides_behind_what_the_sink_is_sent() {
    let (mut rig, sink) = (Rig::new(), MemorySink::new(&[]));
    let slow =
        SlowStore { store: Arc::clone(&rig.store), sink: sink.clone(), beside_the_sink: AtomicU32::new(0) };
    let slow = Arc::new(slow);
    rig.front = Arc::clone(&slow) as _;
    let totals = rig.run(&sink, RECORDS, value).await.unwrap();
    assert_each_value_once(&sink);
    assert!(totals.transactions > 1, "{totals:?}");
    assert_eq!(u64::from(slow.beside_the_sink.load(Ordering::Relaxed)), totals.transactions);
}
