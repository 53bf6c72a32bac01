//! Source ranges whose batch the sink refused for its content: they are written record by record (R16).

use std::collections::BTreeMap;

use velostream_core::{SplitId, mutant};

/// What is written record by record, a range of source offsets for each split.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    ranges: BTreeMap<SplitId, (i64, i64)>,
}

impl Suspects {
    /// A batch of `records` records with the offsets `from..next` was refused. False where nothing is left to be
    /// taken apart: the record is to be named, since it would be refused for ever.
    pub(super) fn refused(&mut self, split: &SplitId, (from, next): (i64, i64), records: i32) -> bool {
        if records == 1 && !mutant!(PoisonForEver) {
            return false;
        }
        // Widened, not replaced: two refused batches of one transaction would take turns for ever.
        if mutant!(NewestSuspectOnly) {
            self.ranges.remove(split);
        }
        let range = self.ranges.entry(split.clone()).or_insert((from, next));
        *range = (range.0.min(from), range.1.max(next));
        true
    }

    /// Whether a chunk with the offsets `from..next` holds any of them.
    pub(super) fn touch(&self, split: &SplitId, from: i64, next: i64) -> bool {
        self.ranges.get(split).is_some_and(|(first, last)| from < *last && next > *first)
    }

    /// Everything in front of `next` is committed.
    pub(super) fn committed(&mut self, split: &SplitId, next: i64) {
        if self.ranges.get(split).is_some_and(|(_, last)| next >= *last) {
            self.ranges.remove(split);
        }
    }
}

#[cfg(test)]
mod tests {
    use velostream_core::SplitId;

    use super::Suspects;

    #[test]
    fn refused_batch_is_taken_apart_until_all_of_it_is_committed() {
        let (mut suspects, split) = (Suspects::default(), SplitId::new("a"));
        assert!(suspects.refused(&split, (10, 20), 10));
        assert!(suspects.touch(&split, 5, 11) && suspects.touch(&split, 19, 30));
        assert!(!suspects.touch(&split, 0, 10) && !suspects.touch(&split, 20, 30));
        assert!(!suspects.touch(&SplitId::new("b"), 10, 20));
        suspects.committed(&split, 19);
        assert!(suspects.touch(&split, 19, 20));
        suspects.committed(&split, 20);
        assert!(!suspects.touch(&split, 10, 20));
    }

    #[test]
    fn second_refused_batch_leaves_the_first_one_suspect() {
        let (mut suspects, split) = (Suspects::default(), SplitId::new("a"));
        for range in [(10, 20), (40, 50), (30, 35)] {
            assert!(suspects.refused(&split, range, 5));
        }
        assert!(suspects.touch(&split, 10, 11) && suspects.touch(&split, 49, 50));
    }

    #[test]
    fn single_record_is_not_taken_apart() {
        let (mut suspects, split) = (Suspects::default(), SplitId::new("a"));
        assert!(!suspects.refused(&split, (10, 11), 1));
        assert!(!suspects.touch(&split, 10, 11));
    }
}
