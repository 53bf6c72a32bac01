//! A worker at work.

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use velostream_core::{Code, DeliveryLevel, Disposition, Error, JobName, Result};
use velostream_processor::{ExactlyOnceMetrics, LaneStatus, StopHandle, Worker};

use super::Instance;

/// A worker at work. Dropping it does not stop the worker.
#[derive(Debug)]
pub struct Running {
    view: View,
    stop: StopHandle,
    task: JoinHandle<Result<()>>,
}

/// What a running worker shows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    job: JobName,
    instance: String,
    level: DeliveryLevel,
    metrics: ExactlyOnceMetrics,
    lanes: watch::Receiver<Vec<watch::Receiver<LaneStatus>>>,
}

/// The answer of `/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Job.
    pub job: String,
    /// Worker.
    pub instance: String,
    /// Delivery level as `explain` computes it.
    pub level: String,
    /// Records committed since the start of the process.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Committed transactions.
    pub transactions: u64,
    /// Records that wait in the source, where it can tell.
    pub lag_records: u64,
    /// Lanes.
    pub lanes: Vec<LaneStatus>,
}

impl View {
    /// Status of this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let totals = self.metrics.totals();
        let lanes: Vec<LaneStatus> = self.lanes.borrow().iter().map(|l| l.borrow().clone()).collect();
        Status {
            job: self.job.to_string(),
            instance: self.instance.clone(),
            level: self.level.to_string(),
            records: totals.records,
            bytes: totals.bytes,
            transactions: totals.transactions,
            lag_records: lanes.iter().filter_map(|l| l.lag_records).sum(),
            lanes,
        }
    }

    /// True where every lane has been given its splits, be it none.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let lanes = self.lanes.borrow();
        let settled = |l: &watch::Receiver<LaneStatus>| {
            let lane = l.borrow();
            matches!(lane.phase, "ready" | "open" | "committing")
                || (lane.phase == "unassigned" && lane.assignment > 0)
        };
        !lanes.is_empty() && lanes.iter().all(settled)
    }

    /// Metrics of this worker.
    #[must_use]
    pub const fn metrics(&self) -> &ExactlyOnceMetrics {
        &self.metrics
    }
}

impl Running {
    pub(super) fn spawn(
        job: JobName,
        instance: Instance,
        level: DeliveryLevel,
        worker: Worker,
        metrics: ExactlyOnceMetrics,
    ) -> Self {
        let stop = worker.stop_handle();
        let (status, lanes) = watch::channel(Vec::new());
        let view = View { job, instance: instance.name().to_string(), level, metrics, lanes };
        let task = tokio::spawn(async move {
            let outcome = worker.run(status).await;
            // The name is given back only after the worker is gone.
            drop(instance);
            outcome
        });
        Self { view, stop, task }
    }

    /// What the worker shows.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// A handle to stop it in an orderly way: commit, hand over, leave.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The error that stopped the worker and that only an operator can mend.
    pub async fn finished(self) -> Result<()> {
        self.task.await.unwrap_or_else(|e| {
            Err(Error::new(Code::Internal, Disposition::Corrupt, "the worker panicked").with_source(e))
        })
    }
}
