//! What a transactional writer observed or is asked for.

use std::collections::BTreeSet;

use super::{Identity, Member};

/// What a produced batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Records of the split for their destination.
    Data,
    /// The split's progress record.
    Progress,
}

/// What an error of the sink means for the open transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Timeout, disconnect, or an answer after which nobody knows what stands (R2).
    Indefinite,
    /// The group refused the captured membership; nothing was stored.
    StaleMembership,
    /// A batch was refused for its content (R16); nothing of it was stored.
    Poison,
    /// The cluster refuses the writer: authorization, configuration.
    Denied,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// InitProducerId answered.
    Initialized(Identity),
    /// Open a transaction under this membership for these splits.
    Begin {
        /// Captured membership.
        member: Member,
        /// Claimed splits of this lane in that membership.
        owned: BTreeSet<u32>,
    },
    /// A batch is about to be produced.
    Send {
        /// Split that it belongs to.
        split: u32,
        /// Data or progress.
        kind: Kind,
    },
    /// A produced batch was acknowledged.
    Acknowledged,
    /// Commit.
    Commit,
    /// The offset commit was accepted: the fence held.
    Stored,
    /// EndTxn was accepted; V2 gives the identity of the next transaction.
    Ended {
        /// Identity to go on with, where the broker gave one.
        next: Option<Identity>,
    },
    /// Abort.
    Abort,
    /// A request failed.
    Failed(Failure),
}
