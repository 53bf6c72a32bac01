//! What the driver has to do.

use velostream_core::{AssignmentVersion, Claim, Progress, SourcePosition, SplitId};

/// One thing to do. Effects run in order; when one fails the rest is dropped and the failure is stepped.
///
/// Names are those of the trait methods, tracing spans and metric labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell membership that nothing older than this version is in use.
    Acknowledge(AssignmentVersion),
    /// Claim the splits of the current assignment; answers `Claimed`.
    Claim {
        /// Splits of this lane.
        splits: Vec<SplitId>,
    },
    /// Take the state store over, settle what was open there by what the sink has committed, and find out which ids
    /// are lost; answers `Recovered`.
    Recover(Vec<Claim>),
    /// Keep the ids of the chunk in hand, up to this position, without delivering it: the sink holds its records.
    Restore {
        /// The split.
        split: SplitId,
        /// Position up to which all ids are there once this is done.
        next: SourcePosition,
    },
    /// Read these splits from these positions.
    Assign(Vec<(SplitId, SourcePosition)>),
    /// Stop reading these splits.
    Revoke(Vec<SplitId>),
    /// Take the ids of the chunk in hand, all or none; answers `Taken`, or `Held` where another job has one of them.
    Take,
    /// Open a transaction under the current assignment and start its age.
    Begin,
    /// Write the chunk in hand.
    Write,
    /// Make the ids of the open transaction durable as pending, with the positions that it leads to. They count once
    /// the sink has committed those.
    Remember(Vec<Progress>),
    /// Commit; answers `Committed`.
    Commit(Vec<Progress>),
    /// Tell the state store that the last transaction was committed. Where another one follows at once, its `Remember`
    /// carries this along.
    Confirm,
    /// Roll back.
    Abort,
    /// Wait longer with every failure, unless membership changes or a stop is asked for.
    Pause {
        /// Failures so far, from 1.
        failures: u32,
    },
    /// New connections and identity; answers `ResetDone`.
    Reset,
    /// The lane is done.
    Finish,
    /// The job must stop with the error in hand.
    Fail,
}
