//! Telling duplicates by the records' own times.

use std::collections::HashMap;

use velostream_core::{Code, Disposition, Error, Result, StreamRecord};
use velostream_ledger::{BatchIds, Dating, MAX_TIME_MS, TaskState};
use velostream_record_id::TrackerKey;

use super::OwnedIds;
use crate::{DeduplicationTime, Window};

/// How far event time has come. What a record is, is a function of the records in front of it and of their times: neither
/// transactions nor restarts nor the clock change it.
#[derive(Debug)]
pub(super) struct EventTime {
    length_ms: i64,
    /// The latest time of what was delivered, the open transaction included; `None` where nothing was.
    latest_ms: Option<i64>,
    /// The same, of what the sink has committed: nothing that is not past this one may leave the store.
    committed_ms: Option<i64>,
    /// Ids of the open transaction with their times.
    open: HashMap<TrackerKey, i64>,
    /// Records of the open transaction that came too late to be judged.
    late: u64,
}

impl EventTime {
    /// `None` where arrival counts.
    pub(super) fn of(window: &Window) -> Option<Self> {
        let length_ms = i64::try_from(window.length.as_millis()).unwrap_or(i64::MAX);
        let event_time =
            Self { length_ms, latest_ms: None, committed_ms: None, open: HashMap::new(), late: 0 };
        (window.time == DeduplicationTime::Event).then_some(event_time)
    }

    /// Whether a record passes. `known_ms` is the time of an equal one in the store.
    ///
    /// Times that are remembered lie less than one window apart, so that no id has two of them.
    fn passes(&mut self, key: TrackerKey, at_ms: i64, known_ms: Option<i64>) -> bool {
        let expired_ms = expired_ms(self.latest_ms, self.length_ms);
        let is_near =
            |other: &i64| *other > expired_ms && at_ms.abs_diff(*other) < self.length_ms.unsigned_abs();
        if [known_ms, self.open.get(&key).copied()].iter().flatten().any(is_near) {
            return false;
        }
        if at_ms <= expired_ms {
            // Ids of its time are forgotten: an equal one may have been delivered, and its own would not be kept.
            self.late = self.late.saturating_add(1);
        } else {
            self.open.insert(key, at_ms);
            self.latest_ms = self.latest_ms.max(Some(at_ms));
        }
        true
    }

    /// What is pending has been committed.
    pub(super) fn committed(&mut self) {
        self.committed_ms = self.latest_ms;
    }

    /// What of the ids of the transaction has to be remembered once it is committed.
    pub(super) fn take_open(&mut self) -> BatchIds {
        self.drop_expired();
        BatchIds::Dated(self.open.drain().collect())
    }

    /// Drops ids of the transaction that have left the window while it was open.
    pub(super) fn drop_expired(&mut self) {
        let expired_ms = expired_ms(self.latest_ms, self.length_ms);
        self.open.retain(|_, at_ms| *at_ms > expired_ms);
    }

    pub(super) fn open_ids(&self) -> usize {
        self.open.len()
    }

    /// What lies at or before this time may leave the store, whatever becomes of the open transaction.
    pub(super) fn expired_ms(&self) -> i64 {
        expired_ms(self.committed_ms, self.length_ms)
    }

    /// How far back ids reach where those up to `until_ms` are forgotten, in milliseconds.
    pub(super) fn reach_ms(&self, until_ms: i64) -> i64 {
        self.latest_ms.unwrap_or(until_ms).saturating_sub(until_ms)
    }

    pub(super) const fn latest_ms(&self) -> Option<i64> {
        self.latest_ms
    }

    /// Records that could not be judged since this was asked last.
    pub(super) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }
}

/// What lies at or before this time has left the window.
fn expired_ms(latest_ms: Option<i64>, length_ms: i64) -> i64 {
    latest_ms.map_or(i64::MIN, |latest_ms| latest_ms.saturating_sub(length_ms))
}

impl OwnedIds {
    /// Goes on from what the store says: the ids there have to be dated in this tracker's way.
    ///
    /// # Errors
    /// `Reject` with [`Code::JobConfigChanged`] where they are not.
    pub(super) fn resume_event_time(&mut self, state: &TaskState) -> Result<()> {
        let (found, wanted) = match (state.dating, &mut self.event_time) {
            (Some(Dating::Arrival), Some(_)) => ("arrival", "event"),
            (Some(Dating::Event { .. }), None) => ("event", "arrival"),
            (dating, Some(event_time)) => {
                let latest_ms = match dating {
                    Some(Dating::Event { latest_ms }) => latest_ms,
                    _ => None,
                };
                (event_time.latest_ms, event_time.committed_ms) = (latest_ms, latest_ms);
                event_time.late = 0;
                event_time.open.clear();
                return Ok(());
            }
            (_, None) => return Ok(()),
        };
        let what = format!(
            "{}: its ids are dated by deduplication_time: {found}, the job file says {wanted}",
            self.config.task
        );
        Err(Error::new(Code::JobConfigChanged, Disposition::Reject, what).with_remedy(format!(
            "Write deduplication_time: {found}; or forget the ids, `velostream state reset JOB.yaml --execute`: with \
             `on_id_loss: rebuild` they are read from the source again and dated anew."
        )))
    }

    /// Which records pass, one after the other, as the times of all before them want it.
    ///
    /// # Errors
    /// As the store.
    pub(super) async fn pass_by_event_time(
        &mut self,
        records: &[StreamRecord],
        keys: &[TrackerKey],
    ) -> Result<Vec<bool>> {
        let ownership = self.task.ownership()?;
        let known = self.config.store.record_times(ownership, keys).await.map_err(super::taken)?;
        // What has no usable time of its own is as old as its delivery: none at all, or a count of other units.
        let now_ms = self.clock.unix_ms().clamp(0, MAX_TIME_MS);
        let time = |r: &StreamRecord| Some(r.timestamp_ms).filter(|ms| (0..=MAX_TIME_MS).contains(ms));
        let Some(event_time) = &mut self.event_time else { return Ok(Vec::new()) };
        let judged = records.iter().zip(keys).zip(known);
        let passes = judged.map(|((record, key), known_ms)| {
            event_time.passes(*key, time(record).unwrap_or(now_ms), known_ms)
        });
        Ok(passes.collect())
    }
}
