//! What a transactional writer knows.

use std::collections::{BTreeMap, BTreeSet};

/// Transaction protocol of the sink cluster (finalized feature `transaction.version`, KIP-890).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionVersion {
    /// Partitions are added by hand and the epoch stays the same from one transaction to the next.
    V1,
    /// Partitions are added by producing and every EndTxn bumps the epoch, which fences stragglers.
    V2,
}

/// Producer id and epoch, as the coordinator gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Producer id.
    pub id: i64,
    /// Producer epoch.
    pub epoch: i16,
}

/// Membership of the sink's group, captured at begin and never refreshed inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Member id; empty would be an anonymous commit, which a broker accepts into a live group.
    pub member_id: String,
    /// Generation of the group.
    pub generation: i32,
}

impl Member {
    /// False for what a broker takes for "no member at all".
    #[must_use]
    pub const fn is_real(&self) -> bool {
        !self.member_id.is_empty() && self.generation >= 0
    }
}

/// An open transaction. Splits are numbered by their partition in the job's internal topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Open {
    /// Who writes.
    pub identity: Identity,
    /// Captured membership.
    pub member: Member,
    /// Splits that this lane may write under that membership.
    pub owned: BTreeSet<u32>,
    /// Touched splits; true once their progress record was sent.
    pub touched: BTreeMap<u32, bool>,
    /// Produced batches without an acknowledgement.
    pub unacknowledged: u32,
    /// A commit was asked for: no more data.
    pub closing: bool,
}

/// Where the writer stands; see the table of [`kafka_lane`](crate::kafka_lane).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// No usable identity.
    Fresh,
    /// Nothing open.
    Ready(Identity),
    /// Writing.
    Open(Open),
    /// The offset commit is under way.
    Storing(Open),
    /// EndTxn is under way.
    Ending {
        /// Who ends.
        identity: Identity,
        /// Commit or abort.
        commit: bool,
    },
    /// An outcome is unknown.
    Doubt,
}

/// The state of one writer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Protocol of the sink.
    pub version: TransactionVersion,
    /// Where it stands.
    pub phase: Phase,
}

impl State {
    /// A writer without an identity.
    #[must_use]
    pub const fn new(version: TransactionVersion) -> Self {
        Self { version, phase: Phase::Fresh }
    }

    /// The identity to stamp batches with, while a transaction takes data.
    #[must_use]
    pub const fn identity(&self) -> Option<Identity> {
        match &self.phase {
            Phase::Open(open) | Phase::Storing(open) => Some(open.identity),
            Phase::Ready(identity) | Phase::Ending { identity, .. } => Some(*identity),
            Phase::Fresh | Phase::Doubt => None,
        }
    }
}
