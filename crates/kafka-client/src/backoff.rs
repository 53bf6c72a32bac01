//! Pauses between attempts: full jitter, so that many clients do not come back at once.

use std::time::Duration;

use tokio::time::Instant;

/// Counts failures and says when the next attempt may start.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: 0, not_before: None }
    }

    /// Longest pause after the failures so far: `base * 2^(failures - 1)`, at most `max`; none without failures.
    fn ceiling(&self) -> Duration {
        match self.failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => self.base.saturating_mul(1 << doublings.min(16)).min(self.max),
        }
    }

    /// Notes a failure; the next attempt may start after a random part of the ceiling.
    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + self.ceiling().mul_f64(rand::random::<f64>()));
    }

    /// When the next attempt may start.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Waits until the next attempt may start.
    pub(crate) async fn wait(&self) {
        if let Some(at) = self.not_before {
            tokio::time::sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_doubles_from_base_and_stops_at_max() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let mut ceilings = vec![backoff.ceiling().as_millis()];
        for _ in 0..6 {
            backoff.failures += 1;
            ceilings.push(backoff.ceiling().as_millis());
        }
        assert_eq!(ceilings, [0, 50, 100, 200, 400, 800, 1000]);
        backoff.failures = u32::MAX;
        assert_eq!(backoff.ceiling(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn wait_ends_within_the_ceiling() {
        let mut backoff = Backoff::new(Duration::from_secs(8), Duration::from_secs(8));
        let start = Instant::now();
        backoff.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        backoff.failed();
        backoff.wait().await;
        assert!(start.elapsed() <= Duration::from_millis(8001));
    }
}
