//! Reading a source.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Chunk, Code, Disposition, Error, Result, SourcePosition, SplitId};

/// What a source had to say.
#[derive(Debug)]
pub enum Read {
    /// Records.
    Chunk(Chunk),
    /// Nothing to deliver up to `next` (control batches, aborted data, compacted holes); the position moves all
    /// the same, so that retention cannot turn a caught-up position into a gap.
    Advance {
        /// The split.
        split: SplitId,
        /// Position next to be read.
        next: SourcePosition,
    },
    /// The source lost records and the job says to go on: reading goes on at `next`, which may lie in front of the
    /// position, where other records have taken the offsets of those that were lost.
    Gap {
        /// The split.
        split: SplitId,
        /// Position next to be read.
        next: SourcePosition,
    },
    /// Nothing arrived within the wait.
    Idle,
    /// The split has reached its configured end.
    End(SplitId),
}

/// Reads the splits of one lane. Owned by the lane, hence `&mut self`.
///
/// Contract: chunks of one split come in order, without gap and without overlap, from the assigned position; a
/// source that lost data in front of the position answers with an error that names the range (never skips).
#[async_trait]
pub trait SplitReader: Send {
    /// Starts reading these splits at these positions. A split that was assigned before is moved: nothing of its
    /// earlier reading comes out any more.
    ///
    /// # Errors
    /// [`Reject`](crate::Disposition::Reject) where a position cannot be read.
    async fn assign(&mut self, splits: &[(SplitId, SourcePosition)]) -> Result<()>;

    /// Stops reading these splits; nothing of them comes out any more.
    ///
    /// # Errors
    /// None in practice; a reader that cannot stop reports it.
    async fn revoke(&mut self, splits: &[SplitId]) -> Result<()>;

    /// The next thing read, waiting for it at most `wait`.
    ///
    /// # Errors
    /// [`Retry`](crate::Disposition::Retry) for a passing fault; [`Reject`](crate::Disposition::Reject) for a gap;
    /// [`Corrupt`](crate::Disposition::Corrupt) for bytes that fail their checksum twice.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was read stays queued.
    async fn next(&mut self, wait: Duration) -> Result<Read>;

    /// The earliest position of a split at which reading leads to `committed`, a position that the sink has committed:
    /// where ids that a state store has lost altogether are read again from.
    ///
    /// # Errors
    /// [`Reject`](crate::Disposition::Reject), as by default, where the source cannot say which records were delivered.
    async fn beginning(&mut self, split: &SplitId, committed: &SourcePosition) -> Result<SourcePosition> {
        let what = format!("{split}: the source cannot tell where the records in front of {committed} begin");
        Err(Error::new(Code::StateLost, Disposition::Reject, what))
    }

    /// Records that the source is known to hold behind what was handed out, over all assigned splits; `None` where
    /// the source cannot tell.
    fn lag_records(&self) -> Option<u64> {
        None
    }
}
