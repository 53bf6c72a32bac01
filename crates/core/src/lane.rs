//! Writing a sink: one lane is one writer with its own transaction and a disjoint set of splits.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Assignment, BatchId, Chunk, Encoding, Result, SourcePosition, SplitId};

/// What a claim found: from here the lane may write this split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The split.
    pub split: SplitId,
    /// Position that the sink has committed, or the pinned start.
    pub position: SourcePosition,
    /// Number of the last committed delivery; 0 where there is none.
    pub batch: BatchId,
}

/// What one commit makes durable for one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The split.
    pub split: SplitId,
    /// Position next to be read once this is committed.
    pub next: SourcePosition,
    /// Number of this delivery.
    pub batch: BatchId,
    /// Whether the owner keeps the split or hands it over with this commit.
    pub released: bool,
}

/// A transactional writer. Owned by one driver, hence `&mut self`.
///
/// Contract: what is written between `begin` and `commit`, and the progress given to `commit`, become visible in one
/// atomic unit or not at all; a lane whose claim was superseded cannot commit. Retries live in the driver: a lane
/// never repeats a call whose outcome it does not know.
///
/// Errors of every call carry a [`Disposition`](crate::Disposition): `Fenced` = wait for a newer assignment;
/// `Retry`, `Reconcile`, `Abort` = [`reset`](SinkLane::reset), claim again, go on; `Reject`, `Corrupt` = stop.
#[async_trait]
pub trait SinkLane: Send {
    /// True where chunks of this encoding need not be decoded.
    fn accepts(&self, encoding: Encoding) -> bool;

    /// Takes these splits over under `assignment`: fences every earlier owner and reads the committed positions.
    ///
    /// # Errors
    /// See the trait. # Crash safety: a crash inside leaves claims that the next owner supersedes.
    async fn claim(&mut self, assignment: &Arc<Assignment>, splits: &[SplitId]) -> Result<Vec<Claim>>;

    /// Opens a transaction under the membership of `assignment`, which stays the same until its end.
    ///
    /// # Errors
    /// See the trait.
    async fn begin(&mut self, assignment: &Arc<Assignment>) -> Result<()>;

    /// Adds a chunk to the open transaction; returns when there is room, not when it is acknowledged.
    ///
    /// # Errors
    /// See the trait. An error of an earlier chunk may surface here.
    async fn write(&mut self, chunk: Chunk) -> Result<()>;

    /// Sends what a commit of `progress` sends, and waits for its acknowledgements; decides nothing. The next call is
    /// `commit` with the same progress, `abort` or `reset`. Optional for callers, who have something to wait for
    /// meanwhile, and for lanes: `commit` does what was not done before.
    ///
    /// # Errors
    /// See the trait. # Crash safety: as of an open transaction.
    async fn prepare(&mut self, _progress: &[Progress]) -> Result<()> {
        Ok(())
    }

    /// Commits data and progress in one unit.
    ///
    /// # Errors
    /// See the trait. # Crash safety: after an error nothing is known before the next claim.
    async fn commit(&mut self, progress: &[Progress]) -> Result<()>;

    /// Rolls the open transaction back.
    ///
    /// # Errors
    /// See the trait: after a failed abort only `reset` helps.
    async fn abort(&mut self) -> Result<()>;

    /// Gives up all connections and the writer's identity, and gets a new one that fences the old.
    ///
    /// # Errors
    /// `Retry` while the sink is unreachable; `Reject` where it refuses the writer.
    async fn reset(&mut self) -> Result<()>;
}
