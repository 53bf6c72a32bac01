//! One worker: its lanes, their membership, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};
use velostream_core::{
    Clock, Code, Disposition, Error, LaneIndex, Membership, Result, SinkLane, SplitId, SplitReader,
};
use velostream_protocol::job::unfinished;

use crate::driver::{Driver, Parts};
use crate::metrics::ExactlyOnceMetrics;
use crate::status::LaneStatus;
use crate::{Backoff, Deduplication, Transactions};

/// Source and sink of one lane.
pub struct LaneParts {
    /// Reads the lane's splits.
    pub reader: Box<dyn SplitReader>,
    /// Writes them.
    pub lane: Box<dyn SinkLane>,
    /// Where records are told apart by what they hold, and not only by their place in the source.
    pub deduplication: Option<Deduplication>,
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
    /// End once every split of the job has reached its configured end, those of other workers included.
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

/// How often a worker whose own share is done asks for the rest of the job.
const REST_PAUSE: Duration = Duration::from_millis(200);
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
                deduplication: parts.deduplication,
            });
            tasks.spawn(driver.run());
        }
        status.send_replace(views.clone());
        let mut outcome = Ok(());
        let mut wait = self.config.bounded;
        let done = job_done(views, self.membership.as_ref(), self.clock.as_ref());
        tokio::pin!(done);
        loop {
            let joined = tokio::select! {
                biased;
                joined = tasks.join_next() => joined,
                ended = &mut done, if wait => {
                    wait = false;
                    outcome = ended;
                    self.stop.send_replace(true);
                    continue;
                }
            };
            let Some(joined) = joined else { break };
            let result = joined.unwrap_or_else(|e| {
                Err(Error::new(Code::Internal, Disposition::Corrupt, "a lane panicked").with_source(e))
            });
            if let Err(error) = result {
                self.stop.send_replace(true);
                outcome = outcome.and(Err(error));
            }
        }
        match tokio::time::timeout(LEAVE_DEADLINE, self.membership.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "could not leave the group; the others notice a session later"),
            Err(_) => warn!("no answer to leaving the group; the others notice a session later"),
        }
        outcome
    }
}

/// Returns once the whole bounded job is done. A worker's own share is not enough: another one that was killed, or
/// whose answer to joining was lost, holds splits that nobody works on until its session ends, and then they come here.
///
/// # Errors
/// Where the rest of the job can never be asked for.
async fn job_done(
    mut views: Vec<watch::Receiver<LaneStatus>>,
    membership: &dyn Membership,
    clock: &dyn Clock,
) -> Result<()> {
    let mut awaited: Option<SplitId> = None;
    let mut failed = false;
    loop {
        // All at the same time: what one lane is done with may be given to it again.
        while !views.iter().all(is_done) {
            for view in &mut views {
                drop(view.wait_for(|s| s.quiet).await);
            }
        }
        match membership.standings().await {
            Ok(standings) => {
                failed = false;
                let left = unfinished(standings);
                let Some(first) = left.first() else { return Ok(()) };
                if awaited.as_ref() != Some(&first.split) {
                    let position =
                        first.position.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
                    info!(
                        split = %first.split, position, end = %first.end, splits = left.len(),
                        "own share is done; waiting for splits that others hold"
                    );
                    awaited = Some(first.split.clone());
                }
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    warn!(%error, "own share is done; could not ask for the rest of the job, asking on");
                }
            }
        }
        clock.sleep(REST_PAUSE).await;
    }
}

/// A lane that went away has ended too.
fn is_done(view: &watch::Receiver<LaneStatus>) -> bool {
    view.has_changed().is_err() || view.borrow().quiet
}
