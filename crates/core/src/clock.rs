//! Time as a dependency, so that it can be simulated.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

/// The only source of time.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;

    /// Milliseconds since the Unix epoch; may jump. Only for what people read and for record timestamps.
    fn unix_ms(&self) -> i64;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}
