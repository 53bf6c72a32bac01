//! What a control batch says.

/// The marker of a control batch (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlMarker {
    /// The producer's transaction was aborted (type 0).
    Abort,
    /// The producer's transaction was committed (type 1).
    Commit,
    /// Another type, such as a leader change (KIP-595): no end of a transaction.
    Other(i16),
}

impl ControlMarker {
    /// The type as the wire has it.
    #[must_use]
    pub const fn type_id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(id) => id,
        }
    }

    /// The marker of a type as the wire has it.
    #[must_use]
    pub const fn from_type_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Other(other),
        }
    }
}
