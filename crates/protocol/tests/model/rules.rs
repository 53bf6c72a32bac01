//! Which rule a variant breaks, and how much may go wrong in a run.

use velostream_protocol::kafka_lane::TransactionVersion;

/// One rule of the protocol changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// No transaction: the data is produced, then the position.
    SendThenMark,
    /// No transaction: the position is produced, then the data.
    MarkBeforeSend,
    /// Data in a transaction, the position in a store behind it.
    PositionInStore,
    /// No offset commit inside the transaction: nobody checks the generation.
    NoFence,
    /// The offset commit carries the newest membership, not the one captured at begin.
    RefreshedMembership,
    /// The offset commit carries ("", -1).
    AnonymousCommit,
    /// A lost membership is sought again before the lanes dropped their splits.
    RejoinBeforeDrop,
    /// A split that was owned before is not claimed again in a new generation.
    ClaimOnlyWhatIsNew,
    /// The offset commit goes out while progress is in flight.
    FenceBeforeAcknowledgement,
    /// The position is what the group coordinator answers, which may be a replaced one.
    PositionFromOffsetFetch,
    /// The claim takes the newest committed progress below the last stable offset, without waiting.
    StopAtLastStable,
    /// Reading ends at the end of the log that the reader sees, which may be that of a replaced leader.
    NoBarrier,
    /// An EndTxn without an answer is sent again under the same epoch.
    SameEpochAfterDoubt,
    /// A split moves to another lane of the worker at once: the old lane is neither told nor initialized.
    MoveWithoutInit,
    /// A split moves to another lane once the old lane is initialized, although that lane was not told.
    MoveWithoutDrop,
    /// A claim that finds no progress evaluates the start policy (`latest`).
    StartAtClaim,
    /// A producer whose id has expired gets a new one and goes on from what it remembers.
    ResumeAfterExpiry,
}

/// The rules of a run: all but the broken ones.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) wrong: Vec<Wrong>,
    pub(crate) version: TransactionVersion,
    /// Source records.
    pub(crate) records: u8,
    /// The source is empty at first and grows.
    pub(crate) grows: bool,
    /// Both lanes belong to one worker: one member id, one generation.
    pub(crate) one_worker: bool,
}

impl Rules {
    pub(crate) const fn right(version: TransactionVersion, records: u8) -> Self {
        Self { wrong: Vec::new(), version, records, grows: false, one_worker: false }
    }

    pub(crate) fn breaking(mut self, wrong: &[Wrong]) -> Self {
        self.wrong.extend(wrong);
        self.grows |= self.breaks(Wrong::StartAtClaim);
        self.one_worker |= self.breaks(Wrong::MoveWithoutInit) || self.breaks(Wrong::MoveWithoutDrop);
        self
    }

    pub(crate) fn breaks(&self, wrong: Wrong) -> bool {
        self.wrong.contains(&wrong)
    }

    pub(crate) fn is_v2(&self) -> bool {
        self.version == TransactionVersion::V2
    }
}

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budget {
    /// Kills; the worker restarts at once, and stays away as long as it is not scheduled.
    pub(crate) crashes: u8,
    /// Live members whose session ends: from then on they are zombies.
    pub(crate) zombies: u8,
    /// Rebalances that move the split between two live members.
    pub(crate) shuffles: u8,
    /// Joins while the other worker owns the split, which costs it a generation.
    pub(crate) joins: u8,
    /// Replies that do not come in time; the request may still arrive, at any later time or never.
    pub(crate) losses: u8,
    /// Requests that arrive twice.
    pub(crate) copies: u8,
    /// Transactions of a live lane that time out.
    pub(crate) timeouts: u8,
    /// Fencing requests of a claim that are late or lost.
    pub(crate) late_fences: u8,
    /// Transactional ids that expire.
    pub(crate) expiries: u8,
    /// Moves between the lanes of one worker.
    pub(crate) moves: u8,
    /// Orderly stops.
    pub(crate) stops: u8,
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            ("crashes", self.crashes),
            ("zombies", self.zombies),
            ("shuffles", self.shuffles),
            ("joins", self.joins),
            ("losses", self.losses),
            ("copies", self.copies),
            ("timeouts", self.timeouts),
            ("late fences", self.late_fences),
            ("expiries", self.expiries),
            ("moves", self.moves),
            ("stops", self.stops),
        ];
        let used: Vec<_> =
            counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
        f.write_str(&used.join(", "))
    }
}
