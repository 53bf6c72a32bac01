//! When workers are killed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The moment of one kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So long after the start of the process: while it starts, claims or takes back what a dead one left.
    AfterStart(Duration),
    /// So long after this many records were committed, counted over all lives.
    AfterRecords(u64, Duration),
}

/// Moments of `kills` kills, spread over the work: every third one hits the start of a worker, the others hit it at
/// work. The same seed gives the same moments, as far as a machine lets the same things happen.
pub(crate) fn moments(seed: u64, kills: u32, records: u64) -> Vec<Moment> {
    let mut random = StdRng::seed_from_u64(seed);
    let at_work = u64::from(kills - kills / 3);
    let mut met = 0;
    (1..=kills)
        .map(|kill| {
            if kill % 3 == 0 {
                return Moment::AfterStart(Duration::from_micros(random.random_range(1_000..60_000)));
            }
            // Somewhere in its own part of the first nine tenths, so that none comes after the end.
            let part = |n: u64| records.saturating_mul(9 * n) / (10 * at_work.max(1));
            let (from, to) = (part(met), part(met + 1));
            met += 1;
            let records = random.random_range(from..to.max(from + 1));
            Moment::AfterRecords(records, Duration::from_micros(random.random_range(0..10_000)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_seed_are_the_same_and_meet_growing_progress() {
        assert_eq!(moments(7, 9, 1000), moments(7, 9, 1000));
        assert_ne!(moments(7, 9, 1000), moments(8, 9, 1000));
        let records: Vec<u64> = moments(7, 9, 1000)
            .into_iter()
            .filter_map(|moment| match moment {
                Moment::AfterRecords(records, _) => Some(records),
                Moment::AfterStart(_) => None,
            })
            .collect();
        assert_eq!(records.len(), 6);
        assert!(records.is_sorted() && records.iter().all(|r| *r <= 900), "{records:?}");
        assert_eq!(moments(7, 0, 1000), []);
    }
}
