//! Fetched things on their way to the driver, bounded by bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use velostream_core::{Error, Read, SplitId};

use super::partition::Partition;

/// Tells one assignment of a split from the next: what was fetched under an older one is dropped.
pub(super) type Token = u64;

/// One thing for the driver.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) split: SplitId,
    pub(super) token: Token,
    /// Bytes of fetched memory that it keeps alive.
    pub(super) bytes: usize,
    /// Source offset next to be read once it is handed out.
    pub(super) next: i64,
    pub(super) read: Result<Read, Error>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) partitions: BTreeMap<SplitId, Partition>,
    pub(super) items: VecDeque<Item>,
    pub(super) queued_bytes: usize,
    pub(super) last_token: Token,
    pub(super) closed: bool,
}

/// What the reader and its fetcher share.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something arrived for the driver.
    pub(super) arrived: Notify,
    /// The assignment changed, or there is room again.
    pub(super) wanted: Notify,
}

impl Queue {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means a panic in a few lines of plain bookkeeping; the data is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item of a live assignment.
    pub(super) fn pop(&self) -> Option<Item> {
        let mut state = self.lock();
        while let Some(item) = state.items.pop_front() {
            state.queued_bytes = state.queued_bytes.saturating_sub(item.bytes);
            let live = state.partitions.get_mut(&item.split).filter(|p| p.token == item.token);
            if let Some(partition) = live {
                partition.handed_out = item.next;
                drop(state);
                self.wanted.notify_one();
                return Some(item);
            }
        }
        drop(state);
        self.wanted.notify_one();
        None
    }
}
