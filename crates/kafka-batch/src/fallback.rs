//! Why a batch cannot go on as it is.

use std::fmt;

/// Why a batch has to be decoded instead of passed through.
///
/// A broker does not check any of these on produce (shown on Kafka 4.3.1), so a batch that passed through anyway
/// would corrupt the sink without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fallback {
    /// A control batch: parsed for its marker, never copied. Only the position moves.
    Control,
    /// No record is left (compaction): only the position moves, to the batch's next offset.
    Empty,
    /// The position is past the batch's first offset: records below it must not be copied. None are left where the
    /// position is past the last offset too.
    InsideBatch,
    /// Offsets are missing (compaction): the copy's offset deltas must be dense.
    Holes,
    /// Every record carries the batch's max timestamp, whatever its own says.
    LogAppendTime,
    /// The base timestamp is a delete horizon.
    DeleteHorizon,
}

impl Fallback {
    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Empty => "empty",
            Self::InsideBatch => "inside_batch",
            Self::Holes => "holes",
            Self::LogAppendTime => "log_append_time",
            Self::DeleteHorizon => "delete_horizon",
        }
    }

    /// True where the batch holds nothing to copy and only the position moves.
    #[must_use]
    pub const fn is_position_only(self) -> bool {
        matches!(self, Self::Control | Self::Empty)
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
