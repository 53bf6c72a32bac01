//! `run`: a worker of a job.

use std::path::PathBuf;

use clap::Args;
use exactly_once::ExactlyOnceJobProcessor;
use exactly_once::core::{Code, Disposition, Error, InstanceName};
use exactly_once::run::Running;
use tokio::signal::unix::{SignalKind, signal};

use super::option;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime;
use crate::worker_progress::Progress;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArguments {
    /// The job file
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
    #[command(flatten)]
    worker: WorkerArguments,
}

/// Options of a worker, whatever its job comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkerArguments {
    /// End once everything is delivered that the source holds now, by this worker and the others
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// Name of this worker; without it the first free one of this host
    #[arg(long, value_name = "NAME", env = "VELOSTREAM_INSTANCE", value_parser = option::instance)]
    pub(crate) instance: Option<InstanceName>,
    /// No progress on stderr
    #[arg(long)]
    pub(crate) no_progress: bool,
}

const EXAMPLES: &str = "\
Examples:
  velostream run orders-dr.yaml                      until SIGTERM or Ctrl-C
  velostream run orders-dr.yaml --until-caught-up    deliver what is there, then end
  velostream run orders-dr.yaml --instance blue      a second worker: start the same job again

SIGTERM commits what is open, hands the splits over and ends with exit code 0; a second one ends at once.
Killing a worker at any instant loses and doubles nothing.";

pub(crate) fn run(arguments: &RunArguments, global: &Global) -> Result<Exit, Failure> {
    work(ExactlyOnceJobProcessor::load(&arguments.job)?, &arguments.worker, global)
}

/// Runs a worker to its end.
pub(crate) fn work(
    mut processor: ExactlyOnceJobProcessor,
    arguments: &WorkerArguments,
    global: &Global,
) -> Result<Exit, Failure> {
    if let Some(name) = &arguments.instance {
        processor = processor.instance(name.as_str())?;
    }
    if arguments.until_caught_up {
        processor = processor.until_caught_up();
    }
    let runtime = runtime::start()?;
    let outcome = runtime.block_on(async {
        let running = processor.start().await?;
        if let Some(bound) = running.http_address() {
            tracing::info!(%bound, "answering /metrics, /livez, /readyz, /status");
        }
        let progress = Progress::start(running.view(), arguments.no_progress, global);
        let outcome = until_done(running).await;
        progress.finish();
        outcome
    });
    // Background tasks may sit in a connection attempt; nothing of theirs is worth waiting for.
    runtime.shutdown_background();
    outcome
}

async fn until_done(running: Running) -> Result<Exit, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| internal("no signal handler", e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| internal("no signal handler", e))?;
    let stop = running.stop_handle();
    let finished = running.finished();
    tokio::pin!(finished);
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            outcome = &mut finished => return outcome.map(|_| Exit::Done).map_err(Failure::from),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if asked {
            let error = Error::new(Code::Usage, Disposition::Reject, "ended at once by a second signal");
            return Err(error
                .with_remedy("None needed: the next worker goes on from what is committed.")
                .into());
        }
        asked = true;
        tracing::info!("stopping: committing, handing over; a second signal ends at once");
        stop.stop();
    }
}

fn internal(what: &str, source: std::io::Error) -> Failure {
    Error::new(Code::Internal, Disposition::Reject, what).with_source(source).into()
}
