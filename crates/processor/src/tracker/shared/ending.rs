//! What becomes of ids that were taken: delivered, released, or grown out of the window.

use tracing::{info, warn};
use velostream_checkpoint::ProcessingCheckpoint;
use velostream_core::{Code, Disposition, Error, Result, Settlement};

use super::{Holds, Positions, TakenIds};
use crate::tracker::task::taken;

impl TakenIds {
    /// Tells the set what the sink has committed.
    pub(super) async fn settle_delivered(&mut self) -> Result<()> {
        let Holds::Delivered(positions) = &self.holds else { return Ok(()) };
        let positions = positions.clone();
        self.deliver(positions).await?;
        self.save_if_due().await?;
        self.clean_up_if_due().await
    }

    /// What is held was delivered, and leads to these positions.
    pub(super) async fn deliver(&mut self, positions: Positions) -> Result<()> {
        let at_ms = self.clock.unix_ms();
        let note = self.note(&positions)?;
        self.settle(Settlement::Delivered { at_ms, note }).await?;
        self.positions = positions;
        for key in self.open.drain() {
            self.known.insert(key, at_ms);
        }
        Ok(())
    }

    pub(super) async fn settle(&mut self, settlement: Settlement) -> Result<()> {
        self.metrics.state_operation("settle");
        let settled = self.sharing.ids.settle(&self.sharing.member, self.turn()?, settlement).await?;
        self.turn = Some(self.in_turn(settled).await?);
        self.holds = Holds::Nothing;
        Ok(())
    }

    pub(in crate::tracker) async fn confirm(&mut self) -> Result<()> {
        self.settle_delivered().await
    }

    pub(in crate::tracker) async fn aborted(&mut self) {
        self.passes.clear();
        self.filtered = 0;
        if matches!(self.holds, Holds::Taken | Holds::Promised(_)) {
            self.let_go().await;
        }
    }

    pub(in crate::tracker) async fn release(&mut self) {
        match self.holds {
            // A transaction without a promise is never committed.
            Holds::Taken => self.let_go().await,
            Holds::Delivered(_) => {
                if let Err(error) = self.settle_delivered().await {
                    warn!(%error, "what was delivered could not be settled; the next start does it");
                }
            }
            // What the sink made of it is for the next owner to find out.
            Holds::Nothing | Holds::Promised(_) => {}
        }
        self.task.release().await;
    }

    /// Leaves what is held to others. Where the set cannot be told, the next recovery does it.
    async fn let_go(&mut self) {
        match self.settle(Settlement::Released).await {
            Ok(()) => self.open.clear(),
            Err(error) => {
                warn!(%error, "ids could not be released; other jobs wait for them until this one recovers")
            }
        }
    }

    /// Keeps the set within `max_tracked_records`.
    pub(super) async fn keep_bound(&mut self, total: u64) -> Result<()> {
        let max = self.config.window.max_tracked_records;
        if total <= max || self.clean_up().await? <= max {
            return Ok(());
        }
        self.let_go().await;
        let what = format!(
            "shared ids {}: more than {max} records lie inside the deduplication window of {:?}",
            self.sharing.member.set(),
            self.config.window.length
        );
        Err(Error::new(Code::StateTooLarge, Disposition::Reject, what).with_remedy(
            "Raise max_tracked_records (ids of all jobs of the set count), or shorten deduplication_window in all of them.",
        ))
    }

    async fn clean_up_if_due(&mut self) -> Result<()> {
        let age = self.clock.monotonic().saturating_sub(self.cleaned_at);
        if age >= self.config.window.cleanup_interval {
            self.clean_up().await?;
        }
        Ok(())
    }

    /// Removes what has left the window; returns how many ids are left.
    pub(super) async fn clean_up(&mut self) -> Result<u64> {
        self.cleaned_at = self.clock.monotonic();
        self.check_windows().await?;
        self.metrics.state_operation("cleanup");
        let expired = self.sharing.ids.expire(self.sharing.member.set(), self.expired_ms()).await?;
        self.metrics.tracked(expired.left);
        if expired.removed > 0 {
            info!(ids = expired.removed, left = expired.left, "ids forgotten");
        }
        Ok(expired.left)
    }

    async fn save_if_due(&mut self) -> Result<()> {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.saved_at) < self.config.checkpoint_interval {
            return Ok(());
        }
        self.saved_at = now;
        self.checkpoint = self.checkpoint.next();
        let mut checkpoint = ProcessingCheckpoint::new(self.checkpoint, self.clock.unix_ms());
        checkpoint.source_positions = self.positions.clone();
        self.metrics.checkpoint_created(self.clock.unix_ms());
        self.config.store.save_checkpoint(self.task.ownership()?, checkpoint).await.map_err(taken)?;
        self.task.changed();
        Ok(())
    }
}
