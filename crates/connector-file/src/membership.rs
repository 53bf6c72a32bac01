//! Ownership without a group: one worker, everything is its own.

use std::any::Any;
use std::future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use velostream_core::{Assignment, AssignmentVersion, LaneIndex, Membership, Phase, Result, SplitId, Token};

use crate::FileSource;

/// The token of an assignment that needs no fence: the sink's lock and epoch fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalToken;

impl Token for LocalToken {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Membership of a job that runs in one process: it owns all splits from version 1 on. For jobs without Kafka on
/// either side; the file sink's lock keeps a second process out.
#[derive(Debug)]
pub struct LocalMembership {
    current: Mutex<Arc<Assignment>>,
    /// Where new splits come from.
    following: Option<FileSource>,
}

impl LocalMembership {
    /// Owns exactly these splits, for ever.
    #[must_use]
    pub fn fixed(splits: Vec<SplitId>) -> Self {
        Self { current: Mutex::new(assignment(AssignmentVersion(1), splits)), following: None }
    }

    /// Owns the files of `source`; where it follows, files that appear are added in a new version behind the known
    /// ones, so that no split changes its place. Files that vanish stay: reading one is then an error, never a skip.
    ///
    /// # Errors
    /// As [`FileSource::discover`].
    pub async fn of(source: &FileSource) -> Result<Self, crate::Error> {
        let mut membership = Self::fixed(source.discover().await?);
        membership.following = source.config().follow.then(|| source.clone());
        Ok(membership)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Assignment>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, found: Vec<SplitId>) {
        let mut current = self.lock();
        let new: Vec<SplitId> = found.into_iter().filter(|s| !current.splits.contains(s)).collect();
        if !new.is_empty() {
            let splits = current.splits.iter().cloned().chain(new).collect();
            *current = assignment(current.version.next(), splits);
        }
    }
}

fn assignment(version: AssignmentVersion, splits: Vec<SplitId>) -> Arc<Assignment> {
    Arc::new(Assignment { version, phase: Phase::Owned, splits, token: Arc::new(LocalToken) })
}

#[async_trait]
impl Membership for LocalMembership {
    fn current(&self) -> Arc<Assignment> {
        Arc::clone(&self.lock())
    }

    async fn changed(&self, seen: AssignmentVersion) -> Result<Arc<Assignment>> {
        loop {
            let current = self.current();
            if current.version > seen {
                return Ok(current);
            }
            let Some(source) = &self.following else { return future::pending().await };
            source.clock().sleep(source.config().poll_interval).await;
            self.add(source.discover().await?);
        }
    }

    fn acknowledge(&self, _lane: LaneIndex, _version: AssignmentVersion) {}

    async fn leave(&self) -> Result<()> {
        Ok(())
    }
}
