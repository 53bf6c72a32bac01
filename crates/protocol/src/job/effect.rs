//! What the driver has to do.

use velostream_core::{AssignmentVersion, Progress, SourcePosition, SplitId};

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
    /// Read these splits from these positions.
    Assign(Vec<(SplitId, SourcePosition)>),
    /// Stop reading these splits.
    Revoke(Vec<SplitId>),
    /// Open a transaction under the current assignment and start its age.
    Begin,
    /// Write the chunk in hand.
    Write,
    /// Commit; answers `Committed`.
    Commit(Vec<Progress>),
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
