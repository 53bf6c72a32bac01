//! Which batches of a fetch belong to aborted transactions.

use std::collections::BTreeSet;

use velostream_core::mutant;

/// What a batch header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchKind {
    /// Records outside any transaction.
    Plain,
    /// Records of a transaction of this producer.
    Transactional {
        /// Producer id.
        producer_id: i64,
    },
    /// The end marker of an aborted transaction.
    AbortMarker {
        /// Producer id.
        producer_id: i64,
    },
    /// Any other control batch: commit markers and what brokers write for themselves.
    OtherControl,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Deliver its records.
    Deliver,
    /// Move the position past it.
    Skip,
}

/// Filters aborted data in first-offset order, as KIP-98 demands: an entry becomes active when reading reaches its
/// first offset, ends at that producer's ABORT marker, and drops only transactional batches. Matching by producer
/// alone would drop what a producer commits after it aborted.
#[derive(Debug, Clone, Default)]
pub struct AbortedFilter {
    pending: Vec<(i64, i64)>,
    active: BTreeSet<i64>,
}

impl AbortedFilter {
    /// A filter for one fetched partition; entries are (producer id, first offset) in any order.
    #[must_use]
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut pending: Vec<_> = aborted.into_iter().collect();
        // Descending, so that the next one to become active is popped from the end.
        pending.sort_unstable_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self { pending, active: BTreeSet::new() }
    }

    /// Judges the next batch in offset order.
    pub fn judge(&mut self, last_offset: i64, kind: BatchKind) -> Verdict {
        while let Some((producer_id, first)) = self.pending.last().copied()
            && (first <= last_offset || mutant!(AbortedByProducer))
        {
            self.active.insert(producer_id);
            self.pending.pop();
        }
        match kind {
            BatchKind::Plain if mutant!(PlainBatchesDropped) && !self.active.is_empty() => Verdict::Skip,
            BatchKind::Plain => Verdict::Deliver,
            BatchKind::Transactional { producer_id } if self.active.contains(&producer_id) => Verdict::Skip,
            BatchKind::Transactional { .. } => Verdict::Deliver,
            BatchKind::AbortMarker { producer_id } => {
                if !mutant!(AbortedByFirstOffset) {
                    self.active.remove(&producer_id);
                }
                Verdict::Skip
            }
            BatchKind::OtherControl => Verdict::Skip,
        }
    }
}
