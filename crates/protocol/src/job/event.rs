//! Facts that the driver observed.

use std::collections::BTreeMap;

use velostream_core::{AssignmentVersion, Claim, Disposition, Phase, SourcePosition, SplitId};

use super::Missing;

/// The effect during which something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum During {
    /// Reading itself.
    Read,
    /// [`Effect::Assign`](super::Effect::Assign).
    Assign,
    /// `Revoke`.
    Revoke,
    /// `Claim`.
    Claim,
    /// `Recover`.
    Recover,
    /// `Restore`.
    Restore,
    /// `Take`.
    Take,
    /// `Begin`.
    Begin,
    /// `Write`.
    Write,
    /// `Remember`.
    Remember,
    /// `Commit`.
    Commit,
    /// `Confirm`.
    Confirm,
    /// `Abort`.
    Abort,
    /// `Reset`.
    Reset,
}

impl During {
    /// Name for spans and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Assign => "assign",
            Self::Revoke => "revoke",
            Self::Claim => "claim",
            Self::Recover => "recover",
            Self::Restore => "restore",
            Self::Take => "take",
            Self::Begin => "begin",
            Self::Write => "write",
            Self::Remember => "remember",
            Self::Commit => "commit",
            Self::Confirm => "confirm",
            Self::Abort => "abort",
            Self::Reset => "reset",
        }
    }
}

/// One observed fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Membership published a value; `splits` are those of this lane.
    Assigned {
        /// Its version.
        version: AssignmentVersion,
        /// What it says.
        phase: Phase,
        /// Splits of this lane.
        splits: Vec<SplitId>,
    },
    /// The sink answered a claim.
    Claimed(Vec<Claim>),
    /// The state store was taken over, and batches whose outcome was open are settled. What is named here is committed
    /// in the sink and its ids are lost.
    Recovered(BTreeMap<SplitId, Missing>),
    /// A chunk was read.
    Chunk {
        /// The split.
        split: SplitId,
        /// Position of its first record.
        from: SourcePosition,
        /// Position after its last record.
        next: SourcePosition,
        /// Records.
        records: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Nothing to deliver up to `next`.
    Advance {
        /// The split.
        split: SplitId,
        /// Position next to be read.
        next: SourcePosition,
    },
    /// Records were lost in the source and the job says to go on: reading goes on at `next`, which may lie in front of
    /// the position.
    Gap {
        /// The split.
        split: SplitId,
        /// Position next to be read.
        next: SourcePosition,
    },
    /// The reader reached the configured end of a split.
    Ended(SplitId),
    /// The ids of the chunk in hand are this job's, or were delivered before.
    Taken,
    /// Another job has one of them, and has not said yet whether it delivers.
    Held,
    /// Nothing was read within the wait, or it was time to ask for ids again.
    Idle,
    /// The open transaction has reached its maximal age.
    Due,
    /// The commit succeeded.
    Committed,
    /// The lane has a new identity.
    ResetDone,
    /// An effect failed. The effects behind it were not run.
    Failed {
        /// Which.
        during: During,
        /// What is known.
        disposition: Disposition,
    },
    /// An operator asked for an orderly stop.
    Stop,
}
