//! What a lane knows.

use std::collections::BTreeMap;

use velostream_core::{AssignmentVersion, BatchId, SourcePosition, SplitId};

/// Bounds that the configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// A transaction that holds this many bytes is committed at once.
    pub max_bytes: u64,
}

/// A claimed split.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owned {
    /// Position that the sink has committed.
    pub committed: SourcePosition,
    /// Number of the last committed delivery.
    pub batch: BatchId,
    /// Position up to which there is nothing to deliver, where it is past `committed` and in no transaction yet.
    pub advanced: Option<SourcePosition>,
    /// A gap of the source was stepped over since the last commit: the position may lie in front of `committed`.
    pub gap: bool,
    /// The reader has reported the configured end.
    pub ended: bool,
}

/// A stretch of a split whose records the sink has committed and whose ids the store does not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Missing {
    /// Position of the first record to be read again.
    pub from: SourcePosition,
    /// Position behind the last one: what the sink has committed.
    pub to: SourcePosition,
}

/// The open transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Transaction {
    /// Position after what was written, per touched split.
    pub touched: BTreeMap<SplitId, SourcePosition>,
    /// Bytes written.
    pub bytes: u64,
    /// Records written.
    pub records: u64,
}

/// A chunk that was read and whose ids are not taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Offer {
    /// Its split.
    pub split: SplitId,
    /// Position after its last record.
    pub next: SourcePosition,
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Where the lane stands; see the table of [`job`](crate::job).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Owns nothing.
    Unassigned,
    /// Claims its splits.
    Claiming,
    /// Learns from the state store which records count as processed.
    Recovering,
    /// Reads again what the sink has committed and whose ids the store has lost; by split.
    Rebuilding(BTreeMap<SplitId, Missing>),
    /// Reads; nothing is open.
    Ready,
    /// Holds an open transaction.
    Open(Transaction),
    /// Commits.
    Committing(Transaction),
    /// Gets a new identity, then claims.
    Resetting,
    /// Refused by the sink's fence; waits for a newer assignment.
    Superseded,
    /// Over.
    Stopped,
}

/// The state of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Bounds.
    pub limits: Limits,
    /// Where it stands.
    pub phase: Phase,
    /// Newest assignment seen.
    pub version: AssignmentVersion,
    /// That assignment says that the membership is lost.
    pub lost: bool,
    /// Splits of this lane in that assignment.
    pub splits: Vec<SplitId>,
    /// Claimed splits.
    pub owned: BTreeMap<SplitId, Owned>,
    /// The membership is about to change: nothing new is begun until the next assignment.
    pub held: bool,
    /// A stop was asked for.
    pub stopping: bool,
    /// Failures since the last success; the driver's pause grows with it.
    pub failures: u32,
    /// Records are told apart by what they hold, so that their ids are kept in a state store.
    pub tracked: bool,
    /// Those ids are shared with other jobs: they are taken before a record is written.
    pub shared: bool,
    /// The chunk in hand, while its ids are not taken.
    pub offer: Option<Offer>,
    /// The store has not been told yet that the last transaction was committed.
    pub unconfirmed: bool,
}

impl State {
    /// A lane that owns nothing.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Unassigned,
            version: AssignmentVersion(0),
            lost: true,
            splits: Vec::new(),
            owned: BTreeMap::new(),
            held: false,
            stopping: false,
            failures: 0,
            tracked: false,
            shared: false,
            offer: None,
            unconfirmed: false,
        }
    }

    /// The same lane with ids that are kept in a state store.
    #[must_use]
    pub const fn tracking(mut self) -> Self {
        self.tracked = true;
        self
    }

    /// The same lane with ids that other jobs take from too.
    #[must_use]
    pub const fn sharing(mut self) -> Self {
        self.shared = true;
        self.tracking()
    }

    /// True where the driver should read the source.
    #[must_use]
    pub const fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Open(_) | Phase::Rebuilding(_))
            && !self.stopping
            && !self.held
            && self.offer.is_none()
    }

    /// Position at which the next chunk of an owned split must start.
    #[must_use]
    pub fn expected(&self, split: &SplitId) -> Option<&SourcePosition> {
        let owned = self.owned.get(split)?;
        let open = match &self.phase {
            Phase::Open(t) | Phase::Committing(t) => t.touched.get(split),
            Phase::Rebuilding(missing) => return missing.get(split).map(|missing| &missing.from),
            Phase::Unassigned
            | Phase::Claiming
            | Phase::Recovering
            | Phase::Ready
            | Phase::Resetting
            | Phase::Superseded
            | Phase::Stopped => None,
        };
        Some(open.or(owned.advanced.as_ref()).unwrap_or(&owned.committed))
    }

    /// True where every owned split has reached its configured end.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.owned.values().all(|o| o.ended)
    }

    /// True where a bounded job has nothing left to do in this lane: its membership stands and gives it nothing, or
    /// all that it owns has ended and is committed. Once all its lanes are quiet, the worker asks for the whole
    /// job ([`unfinished`](super::unfinished)).
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self.phase {
            // After a loss nobody may own what this lane has not finished.
            Phase::Unassigned => !self.lost,
            Phase::Ready => {
                self.offer.is_none() && self.all_ended() && self.owned.values().all(|o| o.advanced.is_none())
            }
            Phase::Stopped => true,
            Phase::Claiming
            | Phase::Recovering
            | Phase::Rebuilding(_)
            | Phase::Open(_)
            | Phase::Committing(_)
            | Phase::Resetting
            | Phase::Superseded => false,
        }
    }
}
