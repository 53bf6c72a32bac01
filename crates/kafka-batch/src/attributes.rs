//! The attribute bits of a batch.

use std::fmt;

/// Bits 0 to 2: the codec.
pub(crate) const COMPRESSION: u16 = 0b111;
/// Bit 3: every record carries the broker's append time, the batch's max timestamp.
pub(crate) const LOG_APPEND_TIME: u16 = 1 << 3;
/// Bit 4: part of a transaction.
pub(crate) const TRANSACTIONAL: u16 = 1 << 4;
/// Bit 5: a control batch.
pub(crate) const CONTROL: u16 = 1 << 5;
/// Bit 6: the base timestamp is the time from which on tombstones may be removed (KIP-534).
pub(crate) const DELETE_HORIZON: u16 = 1 << 6;
/// Everything else.
pub(crate) const UNKNOWN: u16 = !(COMPRESSION | LOG_APPEND_TIME | TRANSACTIONAL | CONTROL | DELETE_HORIZON);

/// Whose clock a batch's timestamps come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's, record by record.
    CreateTime,
    /// The broker's, one for the whole batch.
    LogAppendTime,
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        })
    }
}
