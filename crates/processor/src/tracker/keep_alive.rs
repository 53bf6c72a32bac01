//! Showing life in a state store that other processes can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::{debug, warn};
use velostream_core::{Clock, Disposition};
use velostream_ledger::{Ownership, StateStore};

/// Changes the task's root wherever nothing else has changed it, for as long as it lives; see
/// [`LeaseWatch`](velostream_ledger::LeaseWatch). Liveness only: an owner that shows no life is fenced, not trusted.
#[derive(Debug)]
pub(super) struct KeepAlive {
    task: JoinHandle<()>,
    changes: Arc<AtomicU64>,
}

impl KeepAlive {
    /// Looks every `interval`: between two signs of life there are at most two of them.
    pub(super) fn start(
        store: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        ownership: Ownership,
        interval: Duration,
    ) -> Self {
        let changes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&changes);
        let task = tokio::spawn(async move {
            let mut seen = 0;
            loop {
                clock.sleep(interval).await;
                let now = counted.load(Ordering::Relaxed);
                if std::mem::replace(&mut seen, now) != now {
                    continue;
                }
                match store.renew(&ownership).await {
                    Ok(()) => {}
                    // The worker itself learns it from its next call, and stops.
                    Err(error) if error.disposition() == Disposition::Fenced => {
                        warn!(%error, "another process has taken the state of this job over");
                        return;
                    }
                    Err(error) => debug!(%error, "no sign of life could be left in the state store"),
                }
            }
        });
        Self { task, changes }
    }

    /// The root was changed by something else.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        // A call that is dropped half-way leaves the ledger in doubt, which the next call resolves.
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use velostream_core::{Epoch, InstanceName, Nonce};
    use velostream_ledger::{Claimant, Ledger, LedgerConfig, TaskId};
    use velostream_store_memory::MemoryStore;

    use super::*;
    use crate::SystemClock;

    const OFTEN: Duration = Duration::from_millis(1);

    async fn claimed(
        nonce: u64,
        store: &Arc<MemoryStore>,
    ) -> (Arc<dyn StateStore>, Arc<dyn Clock>, Ownership) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ledger = Ledger::new(Arc::clone(store), Arc::clone(&clock), LedgerConfig::default());
        let claimant = Claimant { owner: InstanceName::new("w0"), nonce: Nonce(nonce), at_least: Epoch(0) };
        let task = TaskId::new("job.lane-0").unwrap();
        let ownership = ledger.claim(&task, &claimant).await.unwrap().ownership;
        (Arc::new(ledger), clock, ownership)
    }

    #[tokio::test]
    async fn owner_that_does_nothing_changes_its_root_again_and_again() {
        let (store, clock, ownership) = claimed(1, &Arc::default()).await;
        let task = ownership.task.clone();
        let _alive = KeepAlive::start(Arc::clone(&store), Arc::clone(&clock), ownership, OFTEN);
        let first = store.observe(&task).await.unwrap().unwrap().lease;
        while store.observe(&task).await.unwrap().unwrap().lease < first + 3 {
            clock.sleep(OFTEN).await;
        }
    }

    #[tokio::test]
    async fn owner_that_was_fenced_shows_no_life_any_more() {
        let shared = Arc::default();
        let (store, clock, ownership) = claimed(1, &shared).await;
        let alive = KeepAlive::start(store, Arc::clone(&clock), ownership, OFTEN);
        let (other, _, taken) = claimed(2, &shared).await;
        while !alive.task.is_finished() {
            clock.sleep(OFTEN).await;
        }
        let state = other.observe(&taken.task).await.unwrap().unwrap();
        assert_eq!((state.epoch, state.nonce), (taken.epoch, taken.nonce));
    }
}
