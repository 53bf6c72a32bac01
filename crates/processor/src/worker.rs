//! One worker: its lanes, their membership, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;
use velostream_core::{
    Clock, Code, Disposition, Error, LaneIndex, Membership, Result, SinkLane, SplitReader,
};

use crate::driver::{Driver, Parts};
use crate::metrics::ExactlyOnceMetrics;
use crate::status::LaneStatus;
use crate::{Backoff, Transactions};

/// Source and sink of one lane.
pub struct LaneParts {
    /// Reads the lane's splits.
    pub reader: Box<dyn SplitReader>,
    /// Writes them.
    pub lane: Box<dyn SinkLane>,
}

impl std::fmt::Debug for LaneParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaneParts")
    }
}

/// Settings of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// When transactions end.
    pub transactions: Transactions,
    /// Pause after failures.
    pub backoff: Backoff,
    /// End once every split has reached its configured end.
    pub bounded: bool,
    /// Bound for decompressing one batch.
    pub max_decoded_bytes: usize,
}

/// Runs the lanes of one process until they are done, stopped or failed.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    metrics: ExactlyOnceMetrics,
    lanes: Vec<LaneParts>,
    stop: watch::Sender<bool>,
}

/// Asks a worker to stop in an orderly way: commit, hand over, leave.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<bool>);

impl StopHandle {
    /// Asks; returns at once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Longest wait for the farewell to the group; the others notice by themselves a session later.
const LEAVE_DEADLINE: Duration = Duration::from_secs(2);

impl Worker {
    /// A worker over these lanes.
    #[must_use]
    pub fn new(
        config: WorkerConfig,
        membership: Arc<dyn Membership>,
        clock: Arc<dyn Clock>,
        metrics: ExactlyOnceMetrics,
        lanes: Vec<LaneParts>,
    ) -> Self {
        Self { config, membership, clock, metrics, lanes, stop: watch::Sender::new(false) }
    }

    /// A handle to stop it.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.stop.clone())
    }

    /// Runs. `status` receives a view per lane before the first record moves.
    ///
    /// # Errors
    /// The first error that only an operator can mend; the other lanes are stopped in an orderly way first.
    pub async fn run(self, status: watch::Sender<Vec<watch::Receiver<LaneStatus>>>) -> Result<()> {
        let count = u16::try_from(self.lanes.len()).unwrap_or(u16::MAX);
        let mut tasks = JoinSet::new();
        let mut views = Vec::new();
        for (index, parts) in (0..count).zip(self.lanes) {
            let (sender, receiver) = watch::channel(LaneStatus::default());
            views.push(receiver);
            let driver = Driver::new(Parts {
                index: LaneIndex(index),
                lanes: count,
                reader: parts.reader,
                lane: parts.lane,
                membership: Arc::clone(&self.membership),
                clock: Arc::clone(&self.clock),
                metrics: self.metrics.lane(LaneIndex(index)),
                status: sender,
                stop: self.stop.subscribe(),
                transactions: self.config.transactions,
                backoff: self.config.backoff,
                max_decoded_bytes: self.config.max_decoded_bytes,
            });
            tasks.spawn(driver.run());
        }
        status.send_replace(views.clone());
        let watcher = self.config.bounded.then(|| {
            let stop = self.stop.clone();
            tokio::spawn(async move {
                // All at the same time: what one lane is done with may be given to it again.
                while !views.iter().all(is_done) {
                    for view in &mut views {
                        drop(view.wait_for(|s| s.quiet).await);
                    }
                }
                stop.send_replace(true);
            })
        });
        let mut outcome = Ok(());
        while let Some(joined) = tasks.join_next().await {
            let result = joined.unwrap_or_else(|e| {
                Err(Error::new(Code::Internal, Disposition::Corrupt, "a lane panicked").with_source(e))
            });
            if let Err(error) = result {
                self.stop.send_replace(true);
                outcome = outcome.and(Err(error));
            }
        }
        if let Some(watcher) = watcher {
            watcher.abort();
        }
        match tokio::time::timeout(LEAVE_DEADLINE, self.membership.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "could not leave the group; the others notice a session later"),
            Err(_) => warn!("no answer to leaving the group; the others notice a session later"),
        }
        outcome
    }
}

/// A lane that went away has ended too.
fn is_done(view: &watch::Receiver<LaneStatus>) -> bool {
    view.has_changed().is_err() || view.borrow().quiet
}
