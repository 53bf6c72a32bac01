//! What is known about an effect after an error.

use std::fmt;

/// What an error says about the effect that was asked for, and so what may be done next.
///
/// A plain "retriable" flag is not enough for exactly-once work: after a lost reply the effect may stand, and doing
/// it again doubles it. Each crate's error enum maps every variant to one of these in a total match; an error that
/// nobody classified is [`Disposition::Reconcile`], the safe default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Certainly not applied. The same call may be made again after a pause.
    Retry,
    /// May have been applied: read back what stands before doing anything else.
    Reconcile,
    /// Roll the open unit back and go on from the last committed position.
    Abort,
    /// Another owner exists or may exist: stop this unit of work and claim again.
    Fenced,
    /// Configuration or data is refused: an operator has to act.
    Reject,
    /// Bytes or state that cannot be: halt and keep the evidence.
    Corrupt,
}

impl Disposition {
    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reconcile => "reconcile",
            Self::Abort => "abort",
            Self::Fenced => "fenced",
            Self::Reject => "reject",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
