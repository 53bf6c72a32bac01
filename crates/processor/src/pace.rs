//! How old a transaction gets.

use std::time::Duration;

/// A commit may take a tenth of the time: during one, nothing is written.
const SHARE: u32 = 10;
/// What is gained by committing more often than this is not worth the sink's markers.
const SHORTEST: Duration = Duration::from_millis(100);

/// The age at which a transaction is committed: where commits are cheap, readers see records sooner; where the sink is
/// busy, transactions get longer, up to the longest that the job allows.
#[derive(Debug)]
pub(crate) struct Pace {
    longest: Duration,
    /// What a commit takes, smoothed.
    commit: Duration,
}

impl Pace {
    pub(crate) const fn new(longest: Duration) -> Self {
        Self { longest, commit: Duration::ZERO }
    }

    /// A commit took so long.
    pub(crate) fn committed(&mut self, took: Duration) {
        self.commit = (self.commit * 3 + took) / 4;
    }

    pub(crate) fn interval(&self) -> Duration {
        (self.commit * SHARE).clamp(SHORTEST.min(self.longest), self.longest)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn cheap_commits_make_short_transactions_and_dear_ones_long_up_to_the_bound() {
        let mut pace = Pace::new(500 * MS);
        assert_eq!(pace.interval(), 100 * MS);
        for (took, settled) in [(5, 100), (20, 200), (300, 500), (2, 100)] {
            (0..40).for_each(|_| pace.committed(took * MS));
            assert_eq!(pace.interval().as_millis().next_multiple_of(2), settled, "commits of {took} ms");
        }
    }

    #[test]
    fn one_slow_commit_among_fast_ones_changes_little() {
        let mut pace = Pace::new(500 * MS);
        (0..40).for_each(|_| pace.committed(4 * MS));
        pace.committed(60 * MS);
        assert!(pace.interval() < 200 * MS, "{:?}", pace.interval());
    }

    #[test]
    fn a_job_that_allows_less_than_the_shortest_gets_that() {
        let mut pace = Pace::new(20 * MS);
        assert_eq!(pace.interval(), 20 * MS);
        pace.committed(Duration::from_secs(60));
        assert_eq!(pace.interval(), 20 * MS);
    }
}
