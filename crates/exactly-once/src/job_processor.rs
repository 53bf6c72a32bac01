//! One worker of a job, as a program runs it.

use std::future::Future;
use std::path::Path;

use velostream_core::Result;

use crate::config::{ConfigError, JobFile, instance_name};
use crate::explain::{Explanation, Required, explain};
use crate::http::Endpoint;
use crate::run::{self, JobExecutionStats, RunOptions, Running};

/// One worker of a job: recovers from what the sink has committed, reads, writes, commits, and hands over at its end.
///
/// It is what `velostream run` runs. Each process that starts the same job is one more worker of it; the splits are
/// spread over all of them.
///
/// ```no_run
/// use exactly_once::ExactlyOnceJobProcessor;
/// use exactly_once::explain::Required;
///
/// # async fn run() -> exactly_once::core::Result<()> {
/// let stats = ExactlyOnceJobProcessor::load("orders-dr.yaml")?
///     .require(Required::ExactlyOnce)?
///     .until_caught_up()
///     .run()
///     .await?;
/// println!("{} records in {:?}", stats.records, stats.elapsed);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactlyOnceJobProcessor {
    job: JobFile,
    options: RunOptions,
}

impl ExactlyOnceJobProcessor {
    /// A worker of a job that a program put together.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) -> `Reject`, with everything that is out of range or contradicts
    /// itself.
    pub fn new(job: JobFile) -> crate::Result<Self> {
        job.validate()?;
        Ok(Self { job, options: RunOptions::default() })
    }

    /// A worker of the job in a file; variables come from the environment of the process.
    ///
    /// # Errors
    /// [`Error::ConfigFile`](crate::Error::ConfigFile) where it cannot be read,
    /// [`Error::Config`](crate::Error::Config) where it is not valid; both -> `Reject`.
    pub fn load(path: impl AsRef<Path>) -> crate::Result<Self> {
        Ok(Self { job: JobFile::load(path)?, options: RunOptions::default() })
    }

    /// Names the worker; without it the first free one of `<host>-0`, `<host>-1`, ... is taken. The name must be
    /// unique among the job's workers: a restart under the same name fences what it left behind.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) -> `Reject` where it is not a name, see [`instance_name`].
    pub fn instance(mut self, name: impl AsRef<str>) -> crate::Result<Self> {
        let name = instance_name(name.as_ref())
            .map_err(|problem| ConfigError::without_text(vec![problem.inside("instance")]))
            .map_err(|source| crate::Error::Config { source })?;
        self.options.instance = Some(name);
        Ok(self)
    }

    /// Ends by itself once everything is delivered that the source held at the start, whichever worker delivers it: where
    /// another one was killed, this one waits for the end of its session and takes its splits over.
    #[must_use]
    pub const fn until_caught_up(mut self) -> Self {
        self.options.until_caught_up = true;
        self
    }

    /// Refuses to go on where the job promises less.
    ///
    /// # Errors
    /// [`Error::Guarantee`](crate::Error::Guarantee) -> `Reject`.
    pub fn require(self, required: Required) -> crate::Result<Self> {
        self.explain().require(required)?;
        Ok(self)
    }

    /// The job.
    #[must_use]
    pub const fn job(&self) -> &JobFile {
        &self.job
    }

    /// What the job promises, why, and what must hold.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain(&self.job)
    }

    /// Connects both ends and starts the worker in the background of the current tokio runtime. Where the job has
    /// `http`, it answers there until it ends.
    ///
    /// # Errors
    /// `Retry` and `Reconcile` where a cluster cannot be reached; `Reject` where the job cannot run as it is: a
    /// missing topic, an instance name in use, an address that cannot be bound, a state directory that cannot be
    /// written.
    ///
    /// # Crash safety
    /// The worker may be killed at any instant: the next one goes on from what the sink has committed.
    pub async fn start(&self) -> Result<Running> {
        // Bound first: a worker must not be left at work by a call that fails.
        let endpoint = match self.job.http {
            Some(http) => Some(Endpoint::bind(http.listen).await?),
            None => None,
        };
        let mut running = run::start(&self.job, &self.options).await?;
        if let Some(endpoint) = endpoint {
            running.answer_at(endpoint);
        }
        Ok(running)
    }

    /// Starts the worker and waits for its end: never, unless [`until_caught_up`](Self::until_caught_up) was asked
    /// for, the source is files that end, or an operator has to act.
    ///
    /// # Errors
    /// Those of [`start`](Self::start) and [`Running::finished`].
    ///
    /// # Cancel safety
    /// The worker goes on in the background where this call is dropped.
    pub async fn run(&self) -> Result<JobExecutionStats> {
        self.start().await?.finished().await
    }

    /// As [`run`](Self::run), until `shutdown` is ready; then commits what is open, hands the splits over and ends.
    ///
    /// # Errors
    /// Those of [`start`](Self::start) and [`Running::finished`].
    ///
    /// # Cancel safety
    /// The worker goes on in the background where this call is dropped.
    pub async fn run_until(&self, shutdown: impl Future<Output = ()>) -> Result<JobExecutionStats> {
        let running = self.start().await?;
        let stop = running.stop_handle();
        let finished = running.finished();
        tokio::pin!(finished);
        tokio::select! {
            biased;
            outcome = &mut finished => return outcome,
            () = shutdown => stop.stop(),
        }
        finished.await
    }
}
