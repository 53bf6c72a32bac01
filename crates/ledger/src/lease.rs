//! When an owner that shows no life may be replaced.

use std::time::Duration;

use velostream_core::{Epoch, Nonce};

use crate::TaskState;

/// Judges a lease by one's own monotonic clock: it has run out when the root has not changed for the whole duration.
/// Wall clocks are never compared. Liveness only: a claim is safe at any time.
#[derive(Debug, Clone)]
pub struct LeaseWatch {
    duration: Duration,
    seen: Option<(Epoch, Nonce, u64, Duration)>,
}

impl LeaseWatch {
    /// Watches leases of this duration. Owners change the root at least every third of it.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self { duration, seen: None }
    }

    /// Takes what [`observe`](crate::StateStore::observe) saw at `now`, a time of
    /// [`Clock::monotonic`](velostream_core::Clock::monotonic). True where the task may be claimed: it was released, or
    /// it has not changed for the whole duration.
    pub fn has_run_out(&mut self, state: &TaskState, now: Duration) -> bool {
        if state.owner.is_none() {
            return true;
        }
        let life = (state.epoch, state.nonce, state.lease);
        match self.seen {
            Some((epoch, nonce, lease, since)) if (epoch, nonce, lease) == life => {
                now.saturating_sub(since) >= self.duration
            }
            _ => {
                self.seen = Some((state.epoch, state.nonce, state.lease, now));
                false
            }
        }
    }
}
