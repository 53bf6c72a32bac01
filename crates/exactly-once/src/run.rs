//! Running a job: from its settings to a worker at work.

mod execution_stats;
#[cfg(feature = "connector-file")]
mod file;
mod instance;
#[cfg(feature = "connector-kafka")]
mod kafka;
mod running;
pub(crate) mod state;

use std::sync::Arc;

use velostream_core::{Clock, Code, Disposition, Error, InstanceName, Membership, Result};
use velostream_processor::{ExactlyOnceMetrics, LaneParts, SystemClock, Worker};

pub use execution_stats::JobExecutionStats;
use instance::Instance;
pub use running::{Running, Status, View};

use crate::config::JobFile;
use crate::explain::explain;
use crate::settings;

/// How a job is run, beyond what its file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunOptions {
    /// Name of this worker; without it the first free one of this host.
    pub(crate) instance: Option<InstanceName>,
    /// End once everything is delivered that the source held at the start.
    pub(crate) until_caught_up: bool,
}

/// What the two ends of a job come to.
struct Ends {
    membership: Arc<dyn Membership>,
    lanes: Vec<LaneParts>,
}

/// Connects both ends and starts the worker: see [`ExactlyOnceJobProcessor::start`](crate::ExactlyOnceJobProcessor).
pub(crate) async fn start(job: &JobFile, options: &RunOptions) -> Result<Running> {
    let instance = Instance::acquire(job, options.instance.clone())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let level = explain(job).level;
    let metrics = ExactlyOnceMetrics::new(job.job.as_str(), instance.name().as_str(), level);
    // First of all: where another worker has the ids, this one must not take splits from it.
    let deduplication = state::deduplication(job, instance.name(), &clock, &metrics).await?;
    let mut ends = ends(job, options, &instance, &clock).await?;
    if let Some(first) = ends.lanes.first_mut() {
        first.deduplication = deduplication;
    }
    let config = settings::worker(job, options.until_caught_up);
    let worker = Worker::new(config, ends.membership, Arc::clone(&clock), metrics.clone(), ends.lanes);
    let parts = running::Parts { job: job.job.clone(), instance, level, worker, metrics, clock };
    Ok(Running::spawn(parts))
}

#[cfg_attr(
    not(feature = "connector-kafka"),
    allow(unused_variables, reason = "what is left of the connectors needs less")
)]
async fn ends(
    job: &JobFile,
    options: &RunOptions,
    instance: &Instance,
    clock: &Arc<dyn Clock>,
) -> Result<Ends> {
    match (&job.source, &job.sink) {
        #[cfg(feature = "connector-kafka")]
        (crate::config::Source::Kafka(source), crate::config::Sink::Kafka(sink)) => {
            kafka::to_kafka(job, source, sink, options, instance, clock).await
        }
        #[cfg(all(feature = "connector-kafka", feature = "connector-file"))]
        (crate::config::Source::Kafka(source), crate::config::Sink::File(sink)) => {
            kafka::to_file(job, source, sink, options, clock).await
        }
        #[cfg(feature = "connector-file")]
        (crate::config::Source::File(source), crate::config::Sink::File(sink)) => {
            file::to_file(job, source, sink, options, clock).await
        }
        #[allow(unreachable_patterns, reason = "reachable where a connector is not compiled in")]
        _ => Err(Error::new(
            Code::Config,
            Disposition::Reject,
            format!(
                "job {}: this program was built without a connector for this pair of source and sink",
                job.job
            ),
        )),
    }
}
