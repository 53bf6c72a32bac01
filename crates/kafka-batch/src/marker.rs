//! What a control batch says.

use crate::{Batch, Error, Limits, Result};

/// Brokers write control batches uncompressed and a few dozen bytes long.
const LIMITS: Limits = Limits { max_decompressed_bytes: 64 << 10 };

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

    /// The marker of the first record of a control batch.
    pub(crate) fn of(batch: &Batch) -> Result<Self> {
        let not_control = Error::NotControl { offset: batch.base_offset() };
        if !batch.is_control() {
            return Err(not_control);
        }
        let record = batch.reader(LIMITS)?.next().transpose()?;
        let key = record.and_then(|record| record.key);
        // Version, then type. A later version may append fields, the type stays where it is.
        match key.as_deref().and_then(|key| key.get(2..4)) {
            Some(&[high, low]) => Ok(Self::from_type_id(i16::from_be_bytes([high, low]))),
            _ => Err(not_control),
        }
    }
}
