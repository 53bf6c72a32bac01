//! Ids that need not be asked for.

use std::collections::HashMap;

use velostream_record_id::TrackerKey;

/// Ids of each generation: 6 MB of memory in both.
const GENERATION: usize = 64 * 1024;

/// Ids that were delivered, with the time of that in milliseconds since the Unix epoch. Exact as far as it goes: what is in
/// the set as delivered stays there for its window. Two generations: where the younger is full, the older is forgotten.
///
/// There is no filter that says which ids are new: another job may have delivered them a moment ago.
#[derive(Debug, Default)]
pub(super) struct Known {
    young: HashMap<TrackerKey, i64>,
    old: HashMap<TrackerKey, i64>,
}

impl Known {
    /// Whether an id was delivered after a time.
    pub(super) fn has(&self, key: &TrackerKey, expired_ms: i64) -> bool {
        let at_ms = self.young.get(key).or_else(|| self.old.get(key));
        at_ms.is_some_and(|at_ms| *at_ms > expired_ms)
    }

    pub(super) fn insert(&mut self, key: TrackerKey, at_ms: i64) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, at_ms);
    }

    /// The set may have lost some.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> TrackerKey {
        TrackerKey(u128::from(n).to_be_bytes())
    }

    #[test]
    fn known_ids_leave_with_the_window_and_with_their_generation() {
        let mut known = Known::default();
        known.insert(key(0), 100);
        assert!(known.has(&key(0), 99) && !known.has(&key(0), 100) && !known.has(&key(1), 0));
        let generation = u64::try_from(GENERATION).unwrap();
        (1..=generation).for_each(|n| known.insert(key(n), 100));
        assert!(known.has(&key(0), 0), "the older generation");
        (0..generation).for_each(|n| known.insert(key(generation + 1 + n), 100));
        assert!(!known.has(&key(0), 0) && known.has(&key(2 * generation), 0));
    }
}
