//! Names and positions of simulated splits.

use std::sync::Arc;

use velostream_core::{SourcePosition, SplitId};

pub(crate) fn split_name(split: u32) -> SplitId {
    // The number in front, so that names spread over the lanes.
    SplitId::new(format!("{split}-records"))
}

/// Number of a split; `u32::MAX` for a name of something else.
pub(crate) fn split_number(split: &SplitId) -> u32 {
    split.as_str().split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
}

pub(crate) fn position(split: &SplitId, offset: i64) -> SourcePosition {
    let path: Arc<str> = split.as_str().into();
    SourcePosition::File { path, offset: u64::try_from(offset).unwrap_or(0), line: 0 }
}

/// Offset of a position; -1 for one of another source.
pub(crate) fn offset(position: &SourcePosition) -> i64 {
    match position {
        SourcePosition::File { offset, .. } => i64::try_from(*offset).unwrap_or(i64::MAX),
        _ => -1,
    }
}
