//! What a worker has done.

use std::time::Duration;

use serde::Serialize;

/// What one worker has done since its start. Other workers of the job count for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobExecutionStats {
    /// Job.
    pub job: String,
    /// Worker.
    pub instance: String,
    /// Delivery level as `explain` computes it.
    pub level: String,
    /// Records committed to the sink.
    pub records: u64,
    /// Bytes of these records as they crossed the worker: compressed where they passed through.
    pub bytes: u64,
    /// Records that were left out because an equal one was delivered before.
    pub duplicates: u64,
    /// Committed transactions.
    pub transactions: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

impl JobExecutionStats {
    /// Committed records per second, on average; 0 where no time has passed.
    #[must_use]
    pub fn records_per_second(&self) -> u64 {
        let rate = u128::from(self.records).saturating_mul(1_000_000_000);
        rate.checked_div(self.elapsed.as_nanos()).map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_an_average_and_zero_without_time() {
        let stats = |records, elapsed| JobExecutionStats {
            job: String::new(),
            instance: String::new(),
            level: String::new(),
            records,
            bytes: 0,
            duplicates: 0,
            transactions: 0,
            elapsed,
        };
        assert_eq!(stats(3000, Duration::from_millis(1500)).records_per_second(), 2000);
        assert_eq!(stats(3000, Duration::ZERO).records_per_second(), 0);
        assert_eq!(stats(u64::MAX, Duration::from_nanos(1)).records_per_second(), u64::MAX);
    }
}
