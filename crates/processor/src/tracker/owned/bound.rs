//! What keeps the number of ids bounded.

use tracing::{info, warn};
use velostream_core::{Code, Disposition, Error, Result};
use velostream_ledger::{Cleanup, Ownership};

use super::OwnedIds;
use super::event_time::EventTime;
use crate::OnTrackingLimit;
use crate::tracker::count;
use crate::tracker::task::taken;

impl OwnedIds {
    /// Keeps the ids of store and open transaction within `max_tracked_records`.
    ///
    /// # Errors
    /// `Reject` with [`Code::StateTooLarge`] where more records lie inside the window and the job says to stop.
    pub(super) async fn keep_bound(&mut self, ownership: &Ownership) -> Result<()> {
        if self.fits() {
            return Ok(());
        }
        // What has left the window is no reason to stop.
        if let Some(event_time) = &mut self.event_time {
            event_time.drop_expired();
        }
        self.clean_up(ownership).await?;
        while !self.fits() && self.config.window.on_tracking_limit == OnTrackingLimit::ShrinkWindow {
            let dropped = self.config.store.forget_oldest_records(ownership).await.map_err(taken)?;
            let Some(until_ms) = dropped.until_ms else { break };
            self.forgot(dropped.cleanup);
            let length = match &self.event_time {
                Some(event_time) => event_time.reach_ms(until_ms),
                None => self.clock.unix_ms().saturating_sub(until_ms),
            };
            let length = length.max(0);
            self.metrics.window_shrunk(length);
            warn!(
                ids = dropped.cleanup.records,
                window_ms = length,
                "more ids than max_tracked_records; the oldest are forgotten before their window ends"
            );
        }
        if self.fits() {
            return Ok(());
        }
        let max = self.config.window.max_tracked_records;
        let what = format!(
            "{}: more than {max} records lie inside the deduplication window of {:?}",
            self.config.task, self.config.window.length
        );
        Err(Error::new(Code::StateTooLarge, Disposition::Reject, what).with_remedy(
            "Raise max_tracked_records (24 bytes of memory each), shorten deduplication_window, or set `on_tracking_limit: shrink_window`.",
        ))
    }

    fn fits(&self) -> bool {
        let open = self.event_time.as_ref().map_or(self.open.len(), EventTime::open_ids);
        self.tracked.saturating_add(count(open)) <= self.config.window.max_tracked_records
    }

    pub(super) async fn clean_up_if_due(&mut self, ownership: &Ownership) -> Result<()> {
        let age = self.clock.monotonic().saturating_sub(self.cleaned_at);
        if age < self.config.window.cleanup_interval { Ok(()) } else { self.clean_up(ownership).await }
    }

    async fn clean_up(&mut self, ownership: &Ownership) -> Result<()> {
        self.cleaned_at = self.clock.monotonic();
        self.metrics.state_operation("cleanup");
        let cleanup =
            self.config.store.cleanup_old_records(ownership, self.expired_ms()).await.map_err(taken)?;
        self.forgot(cleanup);
        Ok(())
    }

    fn forgot(&mut self, cleanup: Cleanup) {
        self.tracked = self.tracked.saturating_sub(cleanup.records);
        self.metrics.tracked(self.tracked);
        if cleanup.records > 0 {
            info!(ids = cleanup.records, left = self.tracked, "ids forgotten");
        }
    }
}
