//! Holding the job's task in the state store.

use std::sync::Arc;

use tracing::warn;
use velostream_core::{Clock, Code, Disposition, Epoch, Error, Nonce, Result};
use velostream_ledger::{Claimant, Claimed, Ownership, TaskState};

use super::Deduplication;
use super::keep_alive::KeepAlive;
use crate::metrics::LaneMetrics;

/// The task of a lane, as this process holds it.
#[derive(Debug)]
pub(super) struct Task {
    config: Deduplication,
    clock: Arc<dyn Clock>,
    metrics: LaneMetrics,
    /// `None` until the first recovery.
    ownership: Option<Ownership>,
    keep_alive: Option<KeepAlive>,
    /// Claims by this process.
    claims: Epoch,
}

impl Task {
    pub(super) fn new(config: &Deduplication, clock: &Arc<dyn Clock>, metrics: &LaneMetrics) -> Self {
        Self {
            config: config.clone(),
            clock: Arc::clone(clock),
            metrics: metrics.clone(),
            ownership: None,
            keep_alive: None,
            claims: Epoch(0),
        }
    }

    /// The task as it stands, with an epoch above `at_least`. Where this process holds it already, it stays as it is, and its
    /// ids need not be loaded again.
    pub(super) async fn claim(&mut self, at_least: Epoch) -> Result<TaskState> {
        let (store, task) = (&self.config.store, &self.config.task);
        let mut at_least = at_least;
        if let Some(held) = &self.ownership {
            let state = store.observe(task).await?;
            match state.filter(|s| (s.epoch, s.nonce) == (held.epoch, held.nonce) && s.owner.is_some()) {
                Some(state) if state.epoch > at_least => return Ok(state),
                _ => at_least = at_least.max(held.epoch),
            }
        }
        let claims = self.claims.next();
        self.claims = claims;
        let nonce = Nonce(self.config.nonce.0.wrapping_add(claims.0));
        let claimant = Claimant { owner: self.config.owner.clone(), nonce, at_least };
        self.metrics.state_operation("claim");
        let Claimed { ownership, state } = store.claim(task, &claimant).await.map_err(taken)?;
        self.keep_alive = self.config.keep_alive.map(|interval| {
            KeepAlive::start(Arc::clone(store), Arc::clone(&self.clock), ownership.clone(), interval)
        });
        self.ownership = Some(ownership);
        Ok(state)
    }

    /// True where this process made that claim.
    pub(super) fn is(&self, epoch: Epoch, nonce: Nonce) -> bool {
        self.ownership.as_ref().is_some_and(|held| (held.epoch, held.nonce) == (epoch, nonce))
    }

    pub(super) fn ownership(&self) -> Result<&Ownership> {
        self.ownership.as_ref().ok_or_else(|| {
            Error::new(Code::Internal, Disposition::Corrupt, "ids are asked for before they were recovered")
        })
    }

    /// The root was changed: a sign of life.
    pub(super) fn changed(&self) {
        if let Some(keep_alive) = &self.keep_alive {
            keep_alive.changed();
        }
    }

    pub(super) async fn release(&mut self) {
        self.keep_alive = None;
        let Some(ownership) = self.ownership.take() else { return };
        if let Err(error) = self.config.store.release(&ownership).await {
            warn!(%error, "the task in the state store could not be given back; the next worker takes it over");
        }
    }
}

/// A task that somebody else has taken is not waited for: no newer assignment gives it back.
pub(super) fn taken(error: Error) -> Error {
    if error.disposition() != Disposition::Fenced {
        return error;
    }
    let what = format!("another process has taken the state of this job over: {error}");
    Error::new(Code::StoreFenced, Disposition::Reject, what)
        .with_remedy("Stop the other process: ids of one job belong to one worker.")
        .with_source(error)
}
