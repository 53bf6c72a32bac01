//! How long to wait after the n-th failure in a row.

use std::time::Duration;

/// Exponential pause with a cap and jitter. Retries live in the driver only, so this is the one backoff of a job's
/// data path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest pause after the first failure.
    pub base: Duration,
    /// Longest pause at all.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(50), max: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// Pause before the next try. Between half and the whole of the step, spread by `seed`, so that workers that
    /// failed together do not come back together; a function of its arguments, so that a run can be replayed.
    #[must_use]
    pub fn pause(&self, failures: u32, seed: u64) -> Duration {
        let step =
            self.base.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let step = step.min(self.max);
        let mixed = (seed ^ u64::from(failures)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let half = step / 2;
        half + half.mul_f64(f64::from(u32::try_from(mixed).unwrap_or(0)) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_grows_to_its_cap_and_never_beyond() {
        let backoff = Backoff::default();
        for failures in 1..100 {
            let pause = backoff.pause(failures, 7);
            assert!(pause <= backoff.max);
            assert!(pause >= backoff.base / 2);
        }
        assert!(backoff.pause(90, 1) >= backoff.max / 2);
    }
}
