//! Who owns which splits.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{AssignmentVersion, LaneIndex, Result, SourcePosition, SplitId};

/// What a published assignment says about ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The splits of this assignment are ours.
    Owned,
    /// The same splits are still ours, but not for long: finish what is open, begin nothing, and acknowledge. The next
    /// value follows once the group has a new generation, which would refuse a commit of this one.
    Rejoining,
    /// Nothing is ours: drop everything and acknowledge, then membership is sought again.
    Lost,
}

/// One published value: a lane takes its copy and never asks again within one transaction.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Grows with every publication.
    pub version: AssignmentVersion,
    /// What it says.
    pub phase: Phase,
    /// Splits of this worker, over all its lanes.
    pub splits: Vec<SplitId>,
    /// What the sink needs to fence with (for Kafka: member id and generation); opaque to everybody else.
    pub token: Arc<dyn Token>,
}

/// Opaque content of an assignment; the connector that made it downcasts it.
pub trait Token: Debug + Send + Sync {
    /// For downcasting.
    fn as_any(&self) -> &dyn Any;
}

/// Where a split of a bounded job stands, whoever owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The split.
    pub split: SplitId,
    /// Position that the sink has committed, or the pinned start; `None` where the job has not taken the split up yet.
    /// May be older than the truth, never newer.
    pub position: Option<SourcePosition>,
    /// Where the split ended when this worker was started.
    pub end: SourcePosition,
}

/// The membership of one worker.
#[async_trait]
pub trait Membership: Debug + Send + Sync {
    /// The newest published value.
    fn current(&self) -> Arc<Assignment>;

    /// Waits until a value newer than `seen` is published.
    ///
    /// # Errors
    /// The error that ended the membership for good; the worker stops with it.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    async fn changed(&self, seen: AssignmentVersion) -> Result<Arc<Assignment>>;

    /// A lane says that nothing of any value older than `version` is in use any more.
    fn acknowledge(&self, lane: LaneIndex, version: AssignmentVersion);

    /// Where every split of the job stands that the source had when this worker was started. A bounded worker asks once
    /// its own share is done: what a dead member still holds is nobody's share until that member's session ends.
    /// Empty, as by default, where no other worker can hold anything.
    ///
    /// # Errors
    /// `Retry` or `Reconcile` for a passing fault: asked again; any other ends the worker.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    async fn standings(&self) -> Result<Vec<Standing>> {
        Ok(Vec::new())
    }

    /// Gives everything up and tells the others at once, so that they need not wait for a timeout.
    ///
    /// # Errors
    /// Any; the caller is leaving anyhow and only logs it.
    async fn leave(&self) -> Result<()>;
}
