//! A worker at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use velostream_core::{Clock, Code, DeliveryLevel, Disposition, Error, JobName, Result};
use velostream_processor::{ExactlyOnceMetrics, LaneStatus, StopHandle, Worker};

use super::{Instance, JobExecutionStats};
use crate::health::HealthCheckResult;
use crate::http::Endpoint;

/// A worker at work. Dropping it does not stop the worker.
#[derive(Debug)]
pub struct Running {
    view: View,
    stop: StopHandle,
    http: Option<SocketAddr>,
    task: JoinHandle<Result<()>>,
}

/// What a worker at work is made of.
pub(super) struct Parts {
    pub(super) job: JobName,
    pub(super) instance: Instance,
    pub(super) level: DeliveryLevel,
    pub(super) worker: Worker,
    pub(super) metrics: ExactlyOnceMetrics,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a running worker shows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    job: JobName,
    instance: String,
    level: DeliveryLevel,
    metrics: ExactlyOnceMetrics,
    clock: Arc<dyn Clock>,
    /// Monotonic time of the start.
    started: Duration,
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
    /// Records that were left out because an equal one was delivered before.
    pub duplicates: u64,
    /// Ids that are remembered, where the job tells records apart by what they hold.
    pub tracked_records: u64,
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
        let lanes = self.lane_statuses();
        Status {
            job: self.job.to_string(),
            instance: self.instance.clone(),
            level: self.level.to_string(),
            records: totals.records,
            bytes: totals.bytes,
            duplicates: totals.duplicates,
            tracked_records: totals.tracked_records,
            transactions: totals.transactions,
            lag_records: lanes.iter().filter_map(|l| l.lag_records).sum(),
            lanes,
        }
    }

    /// Whether the worker does its work. No server is asked; where records are told apart by what they hold, the state
    /// store is looked at as the last call of it left it.
    #[must_use]
    pub fn health_check(&self) -> HealthCheckResult {
        let ids = self.metrics.id_health();
        HealthCheckResult::of(&self.lane_statuses(), ids.as_ref(), self.clock.unix_ms())
    }

    /// What the worker has done up to now.
    #[must_use]
    pub fn execution_stats(&self) -> JobExecutionStats {
        let totals = self.metrics.totals();
        JobExecutionStats {
            job: self.job.to_string(),
            instance: self.instance.clone(),
            level: self.level.to_string(),
            records: totals.records,
            bytes: totals.bytes,
            duplicates: totals.duplicates,
            transactions: totals.transactions,
            elapsed: self.clock.monotonic().saturating_sub(self.started),
        }
    }

    fn lane_statuses(&self) -> Vec<LaneStatus> {
        self.lanes.borrow().iter().map(|lane| lane.borrow().clone()).collect()
    }

    /// Waits until the worker is gone, however it ended.
    pub(crate) async fn ended(mut self) {
        while self.lanes.changed().await.is_ok() {}
    }

    /// Metrics of this worker.
    #[must_use]
    pub const fn metrics(&self) -> &ExactlyOnceMetrics {
        &self.metrics
    }
}

impl Running {
    pub(super) fn spawn(parts: Parts) -> Self {
        let Parts { job, instance, level, worker, metrics, clock } = parts;
        let stop = worker.stop_handle();
        let (status, lanes) = watch::channel(Vec::new());
        let started = clock.monotonic();
        let view = View { job, instance: instance.name().to_string(), level, metrics, clock, started, lanes };
        let task = tokio::spawn(async move {
            let outcome = worker.run(status).await;
            // The name is given back only after the worker is gone.
            drop(instance);
            outcome
        });
        Self { view, stop, http: None, task }
    }

    /// Answers at `endpoint` until the worker ends.
    pub(crate) fn answer_at(&mut self, endpoint: Endpoint) {
        self.http = Some(endpoint.address());
        tokio::spawn(endpoint.serve(self.view()));
    }

    /// Where it answers `/metrics`, `/livez`, `/readyz` and `/status`, if the job asks for it.
    #[must_use]
    pub const fn http_address(&self) -> Option<SocketAddr> {
        self.http
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

    /// Stops it in an orderly way and waits for its end.
    ///
    /// # Errors
    /// As [`finished`](Self::finished).
    pub async fn stop(self) -> Result<JobExecutionStats> {
        self.stop.stop();
        self.finished().await
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The error that stopped the worker and that only an operator can mend.
    ///
    /// # Cancel safety
    /// The worker goes on in the background where this call is dropped.
    pub async fn finished(self) -> Result<JobExecutionStats> {
        let Self { view, task, .. } = self;
        let outcome = task.await.unwrap_or_else(|e| {
            Err(Error::new(Code::Internal, Disposition::Corrupt, "the worker panicked").with_source(e))
        });
        outcome.map(|()| view.execution_stats())
    }
}
