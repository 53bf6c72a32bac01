//! What dates the ids of a task.

use std::collections::BTreeMap;

use velostream_core::BatchId;

use crate::root::Root;
use crate::{Error, Result, TaskId};

/// What dates ids; one and the same for all of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dating {
    /// When they were handed over.
    Arrival,
    /// Times of their own, those of their records.
    Event {
        /// The latest of them in milliseconds since the Unix epoch; `None` where there is none.
        latest_ms: Option<i64>,
    },
}

/// What a root knows where ids have times of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EventTimes {
    /// The latest time of a committed id. Never goes back before all ids are forgotten.
    pub(crate) latest_ms: Option<i64>,
    /// The latest time of each open batch that has ids.
    pub(crate) open: BTreeMap<BatchId, i64>,
}

impl Root {
    /// How the ids of the task are dated; `None` where it has neither ids nor positions, which say that ids are there.
    pub(crate) fn dating(&self) -> Option<Dating> {
        if self.positions.is_empty() && self.live.is_empty() && self.pending.is_empty() {
            return None;
        }
        Some(match &self.events {
            None => Dating::Arrival,
            Some(events) => Dating::Event { latest_ms: events.latest_ms },
        })
    }

    /// Ids dated like this become part of an open batch.
    ///
    /// # Errors
    /// `OtherDates` -> Reject.
    pub(crate) fn date(&mut self, task: &TaskId, batch: BatchId, dating: Dating) -> Result<()> {
        match (dating, self.dating()) {
            (Dating::Arrival, Some(Dating::Arrival)) => Ok(()),
            (Dating::Arrival, None) => {
                self.events = None;
                Ok(())
            }
            (Dating::Event { latest_ms }, None | Some(Dating::Event { .. })) => {
                let open = &mut self.events.get_or_insert_default().open;
                if let Some(latest_ms) = latest_ms {
                    let known = open.entry(batch).or_insert(latest_ms);
                    *known = latest_ms.max(*known);
                }
                Ok(())
            }
            _ => Err(Error::OtherDates { task: task.clone() }),
        }
    }
}

impl EventTimes {
    /// The batch counts.
    pub(crate) fn committed(&mut self, batch: BatchId) {
        self.latest_ms = self.latest_ms.max(self.open.remove(&batch));
    }
}
