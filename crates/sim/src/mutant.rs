//! Deliberate defects: a simulation that does not find them would not find real ones either.

/// A rule of the protocol that one history breaks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// The fence: offset commits of every generation are accepted.
    NoFence,
    /// R9: the offset commit goes out as nobody's.
    AnonymousCommit,
    /// R2, R3: after an indefinite result the lane goes on under the same epoch.
    SameEpochAfterDoubt,
    /// R4: a refused epoch is taken for another owner, and waited out.
    RefusedEpochIsAnOwner,
    /// The claim takes what is committed so far, and does not wait for what is undecided.
    NoBarrier,
    /// The claim takes the group's offset for the position.
    PositionFromGroup,
    /// R12: the start policy `latest` is evaluated at the claim.
    StartAtClaim,
    /// R13: aborted data is told by the producer alone.
    AbortedByProducer,
    /// R16: only the newest refused batch is written record by record.
    OneSuspect,
    /// A bounded worker ends with its own share, whatever a dead one still holds.
    OwnShareOnly,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoFence,
        Self::AnonymousCommit,
        Self::SameEpochAfterDoubt,
        Self::RefusedEpochIsAnOwner,
        Self::NoBarrier,
        Self::PositionFromGroup,
        Self::StartAtClaim,
        Self::AbortedByProducer,
        Self::OneSuspect,
        Self::OwnShareOnly,
    ];
}
