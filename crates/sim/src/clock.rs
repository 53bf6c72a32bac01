//! Simulated time as the driver sees it.

use std::time::Duration;

use async_trait::async_trait;
use velostream_core::Clock;

use crate::network::Endpoint;

/// The clock of one process; it stands still for nobody, a paused process included.
#[derive(Debug)]
pub(crate) struct SimClock(pub(crate) Endpoint);

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
impl Clock for SimClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.world.now())
    }

    fn unix_ms(&self) -> i64 {
        i64::try_from(self.0.world.now()).unwrap_or(i64::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(milliseconds(duration)).await;
    }
}
