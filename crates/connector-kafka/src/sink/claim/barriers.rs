//! The barriers of one claim, over all its splits.

use std::collections::{BTreeMap, BTreeSet};

use velostream_kafka_client::Isolation;
use velostream_protocol::kafka_lane::{Barrier, JournalEntry};

use crate::journal::reader::{Ends, Visitor};
use crate::journal::{Entry, ProgressRecord};
use crate::sink::owner::Owner;

/// The barriers of one claim, by journal partition.
pub(super) struct Barriers {
    pub(super) by_partition: BTreeMap<i32, Barrier<ProgressRecord>>,
    pub(super) pass: Pass,
    /// Every lane that is mentioned, whoever fenced it.
    pub(super) lanes: BTreeSet<String>,
}

/// The passes over the journal that one claim makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Whoever is mentioned in front of the barrier.
    Uncommitted,
    /// What is committed already: a hand-over in it spares its owner from being fenced.
    CommittedSoFar,
    /// Past the barrier, waiting for whatever is open in front of it.
    CommittedToBarrier,
}

impl Pass {
    pub(super) const fn isolation(self) -> Isolation {
        match self {
            Self::Uncommitted => Isolation::ReadUncommitted,
            Self::CommittedSoFar | Self::CommittedToBarrier => Isolation::ReadCommitted,
        }
    }
}

impl Barriers {
    pub(super) fn new(owner: &Owner, claimed: &BTreeMap<i32, i64>) -> Self {
        let by_partition = owner
            .splits
            .iter()
            .filter_map(|(split, s)| {
                let claim = *claimed.get(&s.journal.partition)?;
                let fenced = owner.fenced.get(split).copied().unwrap_or(-1);
                Some((s.journal.partition, Barrier::new(owner.id.clone(), claim, fenced)))
            })
            .collect();
        Self { by_partition, pass: Pass::Uncommitted, lanes: BTreeSet::new() }
    }
}

impl Visitor for Barriers {
    fn entry(&mut self, partition: i32, offset: i64, entry: Entry) {
        let Some(barrier) = self.by_partition.get_mut(&partition) else { return };
        let entry = match entry {
            Entry::Split(_) => return,
            Entry::Claim(claim) => JournalEntry::Claim { lane: claim.lane },
            Entry::Progress(progress) => {
                JournalEntry::Progress { lane: progress.lane.clone(), released: progress.released, progress }
            }
        };
        if let JournalEntry::Claim { lane } | JournalEntry::Progress { lane, .. } = &entry
            && !self.lanes.contains(lane)
        {
            self.lanes.insert(lane.clone());
        }
        match self.pass {
            Pass::Uncommitted => barrier.observe_uncommitted(offset, &entry),
            Pass::CommittedSoFar | Pass::CommittedToBarrier => barrier.observe_committed(offset, &entry),
        }
    }

    fn finished(&mut self, partition: i32, position: i64, ends: Ends) -> bool {
        let Some(barrier) = self.by_partition.get_mut(&partition) else { return true };
        match self.pass {
            Pass::Uncommitted => position > barrier.claim(),
            Pass::CommittedSoFar => position >= ends.last_stable || position > barrier.claim(),
            Pass::CommittedToBarrier => {
                barrier.read_committed_to(position, ends.last_stable);
                barrier.recovered().is_some()
            }
        }
    }
}
