//! How far durations lie apart.

use std::time::Duration;

use serde::Serialize;

/// Durations in milliseconds, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// Half of them took at most this.
    pub p50_ms: f64,
    /// 99 of 100 took at most this.
    pub p99_ms: f64,
}

impl Spread {
    /// Of these; 0 where there are none.
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| (times.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| times.get(rank(percent)).copied().unwrap_or_default().as_secs_f64() * 1e3;
        Self { p50_ms: at(50), p99_ms: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_taken_by_nearest_rank() {
        let times = |n: u64| (1..=n).rev().map(Duration::from_millis).collect();
        assert_eq!(Spread::of(times(200)), Spread { p50_ms: 100.0, p99_ms: 198.0 });
        assert_eq!(Spread::of(times(1)), Spread { p50_ms: 1.0, p99_ms: 1.0 });
        assert_eq!(Spread::of(Vec::new()), Spread { p50_ms: 0.0, p99_ms: 0.0 });
    }
}
