//! Where in the protocol a worker is, as far as its requests show.

use std::fmt;

use super::{Api, Request};

/// What a worker is doing, from the last request of its sink side that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ProtocolState {
    /// Before its first telling request.
    #[default]
    Starting,
    /// JoinGroup: becoming a member, or one of the next generation.
    Joining,
    /// SyncGroup: being told its splits.
    Syncing,
    /// InitProducerId: getting an identity, fencing its own past.
    Identity,
    /// OffsetFetch, then a Produce outside a transaction: looking for positions, setting the barrier, reading up to it.
    Claiming,
    /// InitProducerId inside a claim: ending what earlier owners left open.
    Fencing,
    /// A transaction is open and takes data.
    Writing,
    /// TxnOffsetCommit: the fence is being passed.
    Storing,
    /// EndTxn was sent.
    Ending,
    /// EndTxn was answered; nothing is open.
    Between,
    /// LeaveGroup.
    Leaving,
}

impl ProtocolState {
    /// All, in the order in which a worker goes through them.
    pub const ALL: [Self; 11] = [
        Self::Starting,
        Self::Joining,
        Self::Syncing,
        Self::Identity,
        Self::Claiming,
        Self::Fencing,
        Self::Writing,
        Self::Storing,
        Self::Ending,
        Self::Between,
        Self::Leaving,
    ];

    /// The state once this request is on its way.
    #[must_use]
    pub(super) fn after_request(self, request: &Request<'_>) -> Self {
        match request.head.api {
            Api::JoinGroup => Self::Joining,
            Api::SyncGroup => Self::Syncing,
            Api::LeaveGroup => Self::Leaving,
            Api::InitProducerId if matches!(self, Self::Claiming | Self::Fencing) => Self::Fencing,
            Api::InitProducerId => Self::Identity,
            Api::Produce if request.transactional_id().is_some() => Self::Writing,
            // What comes after the fences of a claim is its cross-check: still a claim.
            Api::OffsetFetch | Api::Produce => Self::Claiming,
            Api::AddPartitionsToTxn => Self::Writing,
            Api::AddOffsetsToTxn | Api::TxnOffsetCommit => Self::Storing,
            Api::EndTxn => Self::Ending,
            _ => self,
        }
    }

    /// The state once a request of this kind was answered.
    #[must_use]
    pub(super) fn after_reply(self, api: Api) -> Self {
        if self == Self::Ending && api == Api::EndTxn { Self::Between } else { self }
    }
}

impl fmt::Display for ProtocolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}
