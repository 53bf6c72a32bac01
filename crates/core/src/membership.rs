//! Who owns which splits.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{AssignmentVersion, LaneIndex, Result, SplitId};

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

    /// Gives everything up and tells the others at once, so that they need not wait for a timeout.
    ///
    /// # Errors
    /// Any; the caller is leaving anyhow and only logs it.
    async fn leave(&self) -> Result<()>;
}
