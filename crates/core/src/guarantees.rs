//! What a store or a sink promises.

use std::fmt;

/// How much a state store can lose, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DurabilityClass {
    /// G0: lost with the process.
    Process,
    /// G0d: survives a restart of its single server.
    Restart,
    /// G1: asynchronous replicas; may lose or roll back acknowledged writes at a failover.
    AsyncReplica,
    /// G2: linearizable, survives the loss of a node or zone.
    Zone,
    /// G3: as G2, and survives the loss of a region.
    Region,
}

impl fmt::Display for DurabilityClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "G0",
            Self::Restart => "G0d",
            Self::AsyncReplica => "G1",
            Self::Zone => "G2",
            Self::Region => "G3",
        })
    }
}

/// The delivery level of a job, as computed and shown to people; never a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryLevel {
    /// Records may be delivered more than once.
    AtLeastOnce,
    /// Exactly once because the sink applies a deterministic id at most once.
    ExactlyOnceIdempotent,
    /// Exactly once because data and progress commit in one atomic unit of the sink.
    ExactlyOnceTransactional,
}

impl DeliveryLevel {
    /// True for both exactly-once levels.
    #[must_use]
    pub const fn is_exactly_once(self) -> bool {
        matches!(self, Self::ExactlyOnceIdempotent | Self::ExactlyOnceTransactional)
    }
}

impl fmt::Display for DeliveryLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeastOnce => "at_least_once",
            Self::ExactlyOnceIdempotent => "exactly_once (idempotent)",
            Self::ExactlyOnceTransactional => "exactly_once (transactional)",
        })
    }
}
