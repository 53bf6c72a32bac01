//! Taking a split over: read past the own claim, learn the position, and know whom to fence.

use std::collections::BTreeMap;

use velostream_core::mutant;

/// One record of a split's partition in the job's internal topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEntry<P> {
    /// Somebody owns the split from here on.
    Claim {
        /// Transactional id of the claiming lane.
        lane: String,
    },
    /// A delivery; only committed ones count.
    Progress {
        /// Transactional id of the delivering lane.
        lane: String,
        /// The owner gave the split up with this delivery.
        released: bool,
        /// What was delivered.
        progress: P,
    },
}

/// A lane to fence, and the newest entry of it that says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// Transactional id.
    pub lane: String,
    /// Offset of its newest claim or progress.
    pub seen_at: i64,
}

/// What a completed claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered<P> {
    /// Offset of the newest committed progress and its content.
    pub progress: Option<(i64, P)>,
}

/// The barrier of one split: a claim record at offset `claim`, written outside any transaction and acknowledged by
/// all replicas. Whatever a stale leader or coordinator says no longer matters once the log was read past it:
///
/// * a stale owner's progress lies in front of the barrier, and then reading on until the last stable offset is past
///   it waits for that transaction's end;
/// * or its offset commit comes after the new generation, and the broker refuses it.
#[derive(Debug, Clone)]
pub struct Barrier<P> {
    own_lane: String,
    claim: i64,
    /// Newest mention of each lane in front of the barrier.
    lanes: BTreeMap<String, i64>,
    newest: Option<(i64, String, bool, P)>,
    /// Own claims of this split up to here have fenced all before them.
    fenced_up_to: i64,
    passed: bool,
}

impl<P: Clone> Barrier<P> {
    /// A barrier at the offset of the own claim. `fenced_up_to` is the offset of an earlier own claim of this split
    /// by this very process whose fencing succeeded, else -1: nobody is fenced twice for one claim, else two
    /// healthy lanes that swapped splits would fence each other for ever.
    #[must_use]
    pub const fn new(own_lane: String, claim: i64, fenced_up_to: i64) -> Self {
        Self { own_lane, claim, lanes: BTreeMap::new(), newest: None, fenced_up_to, passed: false }
    }

    /// An entry read **uncommitted**: claims are plain records, but a reader of committed data would not be shown
    /// them behind an open transaction.
    pub fn observe_uncommitted(&mut self, offset: i64, entry: &JournalEntry<P>) {
        if offset >= self.claim || mutant!(NobodyFenced) {
            return;
        }
        if mutant!(NewestOwnerFencedOnly) {
            self.lanes.clear();
        }
        let (JournalEntry::Claim { lane } | JournalEntry::Progress { lane, .. }) = entry;
        let seen = self.lanes.entry(lane.clone()).or_insert(offset);
        *seen = (*seen).max(offset);
    }

    /// An entry read **committed**.
    pub fn observe_committed(&mut self, offset: i64, entry: &JournalEntry<P>) {
        if let JournalEntry::Progress { lane, released, progress } = entry
            && offset < self.claim
            && self.newest.as_ref().is_none_or(|(o, ..)| *o < offset)
        {
            self.newest = Some((offset, lane.clone(), *released, progress.clone()));
        }
    }

    /// Reading committed data has come to `position`, and the last stable offset is `last_stable`.
    pub fn read_committed_to(&mut self, position: i64, last_stable: i64) {
        let own_claim_is_read = position > self.claim && last_stable > self.claim;
        let as_far_as_stable = mutant!(ReadToLastStable) && position >= last_stable;
        if own_claim_is_read || as_far_as_stable || mutant!(BarrierSkipped) {
            self.passed = true;
        }
    }

    /// Whom to fence before reading committed data: every lane mentioned since its last fencing, whatever the last
    /// stable offset says, since it may have data open that has no progress record yet.
    #[must_use]
    pub fn fences(&self) -> Vec<Fence> {
        self.lanes
            .iter()
            .filter(|(lane, seen)| {
                let fenced_before = **seen <= self.fenced_up_to && !mutant!(FencedAgainAndAgain);
                **lane != self.own_lane && !fenced_before && !self.released(lane, **seen)
            })
            .map(|(lane, seen)| Fence { lane: lane.clone(), seen_at: *seen })
            .collect()
    }

    /// The lane's newest mention is a committed hand-over.
    fn released(&self, lane: &str, seen: i64) -> bool {
        self.newest
            .as_ref()
            .is_some_and(|(offset, owner, released, _)| *released && owner == lane && *offset == seen)
    }

    /// Offset of the own claim.
    #[must_use]
    pub const fn claim(&self) -> i64 {
        self.claim
    }

    /// What was found, once the barrier is passed.
    #[must_use]
    pub fn recovered(&self) -> Option<Recovered<P>> {
        self.passed.then(|| Recovered { progress: self.newest.clone().map(|(offset, _, _, p)| (offset, p)) })
    }
}
