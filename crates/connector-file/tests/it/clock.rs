//! Time that passes only while somebody waits for it.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::Clock;

/// Every sleep is over at once and moves the clock on.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(Mutex<Duration>);

#[async_trait]
impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn unix_ms(&self) -> i64 {
        0
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
        tokio::task::yield_now().await;
    }
}
