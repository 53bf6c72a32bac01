//! Ids with the time at which each was processed, in about 22.5 bytes an id.
//!
//! Sorted runs, one per value of the leading bits of the key, so that a lookup is one search and an insertion moves a
//! few kilobytes. Runs grow by a thirty-second, not to twice their size: memory follows the number of ids.

use velostream_record_id::TrackerKey;

use crate::search::search;

/// Ids of a run on average, before all runs are cut in two.
const RUN_IDS: usize = 256;

/// An id and its time; bytes alone, so that nothing is lost to alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    key: [u8; 16],
    /// Milliseconds since the Unix epoch, 48 bits: the year 10889.
    at: [u8; 6],
}

impl Entry {
    fn new(key: TrackerKey, at_ms: i64) -> Self {
        let [_, _, at @ ..] = u64::try_from(at_ms).unwrap_or(0).to_be_bytes();
        Self { key: key.0, at }
    }

    fn key(&self) -> u128 {
        u128::from_be_bytes(self.key)
    }

    fn at_ms(self) -> i64 {
        self.at.iter().fold(0, |ms, byte| (ms << 8) | i64::from(*byte))
    }
}

/// A set of ids.
#[derive(Debug)]
pub(crate) struct IdSet {
    /// 2^bits runs, ascending.
    runs: Vec<Vec<Entry>>,
    bits: u32,
    len: usize,
}

impl Default for IdSet {
    fn default() -> Self {
        Self { runs: vec![Vec::new()], bits: 0, len: 0 }
    }
}

impl IdSet {
    /// When an id was processed last.
    pub(crate) fn at_ms(&self, key: &TrackerKey) -> Option<i64> {
        let run = self.runs.get(self.run_of(&key.0))?;
        let found = search(run, self.bits, u128::from_be_bytes(key.0), Entry::key).ok()?;
        run.get(found).map(|entry| entry.at_ms())
    }

    /// Adds an id; one that is there gets the later time.
    pub(crate) fn insert(&mut self, key: TrackerKey, at_ms: i64) {
        let entry = Entry::new(key, at_ms);
        let index = self.run_of(&key.0);
        let Some(run) = self.runs.get_mut(index) else { return };
        match search(run, self.bits, entry.key(), Entry::key) {
            Ok(found) => {
                if let Some(known) = run.get_mut(found) {
                    known.at = known.at.max(entry.at);
                }
                return;
            }
            Err(place) => {
                if run.len() == run.capacity() {
                    run.reserve_exact((run.len() / 32).max(4));
                }
                run.insert(place, entry);
            }
        }
        self.len = self.len.saturating_add(1);
        if self.len > RUN_IDS << self.bits && self.bits < 40 {
            self.cut();
        }
    }

    /// Drops the ids whose time the predicate refuses.
    pub(crate) fn retain(&mut self, keep: impl Fn(i64) -> bool) {
        for run in &mut self.runs {
            run.retain(|entry| keep(entry.at_ms()));
            run.shrink_to_fit();
        }
        self.len = self.runs.iter().map(Vec::len).sum();
    }

    /// Ids, ascending.
    pub(crate) fn keys(&self) -> impl Iterator<Item = TrackerKey> {
        self.runs.iter().flatten().map(|entry| TrackerKey(entry.key))
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Each run becomes two: keys in a run differ in the next bit only.
    fn cut(&mut self) {
        self.bits = self.bits.saturating_add(1);
        let mut runs = Vec::with_capacity(1 << self.bits);
        for (index, run) in std::mem::take(&mut self.runs).into_iter().enumerate() {
            let upper = index.saturating_mul(2).saturating_add(1);
            let place = run.partition_point(|entry| run_of(&entry.key, self.bits) < upper);
            let mut front = run;
            let back = front.split_off(place);
            front.shrink_to_fit();
            runs.push(front);
            runs.push(back);
        }
        self.runs = runs;
    }

    fn run_of(&self, key: &[u8; 16]) -> usize {
        run_of(key, self.bits)
    }
}

/// The leading bits of a key.
fn run_of(key: &[u8; 16], bits: u32) -> usize {
    let leading = u128::from_be_bytes(*key).checked_shr(128_u32.saturating_sub(bits)).unwrap_or(0);
    usize::try_from(leading).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(n: u64) -> TrackerKey {
        // Spread over all leading bits, as hashes are.
        let high = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        TrackerKey((u128::from(high) << 64 | u128::from(n)).to_be_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn set_holds_the_latest_time_of_each_id_that_was_kept(
            inserted in proptest::collection::vec((0..3000_u64, 0..1_000_000_000_000_i64), 0..4000),
            drop_below in 0..1_000_000_000_000_i64,
        ) {
            let (mut set, mut model) = (IdSet::default(), BTreeMap::new());
            for (n, at) in inserted {
                set.insert(key(n), at);
                let known = model.entry(n).or_insert(at);
                *known = at.max(*known);
            }
            set.retain(|at| at >= drop_below);
            model.retain(|_, at| *at >= drop_below);
            prop_assert_eq!(set.len(), model.len());
            for n in 0..3000 {
                prop_assert_eq!(set.at_ms(&key(n)), model.get(&n).copied());
            }
        }
    }
}
