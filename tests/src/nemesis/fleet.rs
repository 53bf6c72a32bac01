//! Several workers of one job.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::services::{ServerProcess, Signal, pause};

/// What a worker says when it owns splits, and when it does no more.
const CLAIMED: &str = "claimed splits";
const LOST: &str = "membership lost";

/// How workers are started.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// The program `velostream`.
    pub binary: PathBuf,
    /// The job file.
    pub job: PathBuf,
    /// Directory for logs and pid files.
    pub dir: PathBuf,
    /// Number of workers.
    pub workers: usize,
}

/// Workers that run; killed when dropped.
#[derive(Debug)]
pub struct Fleet {
    options: FleetOptions,
    workers: Vec<Option<Running>>,
}

/// A worker, and where its words begin in the log that it shares with those before it.
#[derive(Debug)]
struct Running {
    process: ServerProcess,
    born: usize,
}

impl Running {
    fn words(&self) -> String {
        let log = fs::read_to_string(self.process.log()).unwrap_or_default();
        log.get(self.born..).unwrap_or_default().to_owned()
    }
}

impl Fleet {
    /// Starts all workers.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(options: FleetOptions) -> Result<Self> {
        let workers = (0..options.workers).map(|_| None).collect();
        let mut fleet = Self { options, workers };
        for index in 0..fleet.workers.len() {
            fleet.revive(index)?;
        }
        Ok(fleet)
    }

    /// Number of workers.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.workers.len()
    }

    /// True without workers.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Starts a worker under the name that it always has.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn revive(&mut self, index: usize) -> Result<()> {
        let name = format!("w{index}");
        let mut command = Command::new(&self.options.binary);
        command.arg("run").arg(&self.options.job).args(["--instance", &name, "--no-progress"]);
        let dir = self.options.dir.join(&name);
        let process = ServerProcess::spawn(&name, &dir, command)?;
        let born = fs::metadata(process.log()).map_or(0, |log| usize::try_from(log.len()).unwrap_or(0));
        *self.slot(index)? = Some(Running { process, born });
        Ok(())
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the worker does not run.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        self.slot(index)?.take().context("no such worker")?.process.kill()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the worker does not run.
    pub fn signal(&mut self, index: usize, signal: Signal) -> Result<()> {
        self.slot(index)?.as_ref().context("no such worker")?.process.signal(signal)
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When the worker does not run or does not end.
    pub fn stop(&mut self, index: usize) -> Result<()> {
        self.slot(index)?.take().context("no such worker")?.process.stop()
    }

    /// True where the worker runs.
    pub fn is_running(&mut self, index: usize) -> bool {
        self.workers.get_mut(index).and_then(Option::as_mut).is_some_and(|worker| worker.process.is_running())
    }

    /// True where the worker has claimed splits and not lost its membership since.
    pub(super) fn owns(&self, index: usize) -> bool {
        let Some(Some(worker)) = self.workers.get(index) else { return false };
        let words = worker.words();
        words.rfind(CLAIMED).is_some_and(|claimed| words.rfind(LOST).is_none_or(|lost| lost < claimed))
    }

    /// How often the worker has lost its membership in this life.
    pub(super) fn losses(&self, index: usize) -> usize {
        self.workers
            .get(index)
            .and_then(Option::as_ref)
            .map_or(0, |worker| worker.words().matches(LOST).count())
    }

    /// Fails where a worker ended that nobody has killed.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> Result<()> {
        for (index, worker) in self.workers.iter_mut().enumerate() {
            let Some(worker) = worker else { continue };
            if !worker.process.is_running() {
                bail!("worker w{index} ended by itself:\n{}", tail(worker.process.log(), 30));
            }
        }
        Ok(())
    }

    /// SIGTERM to all at once; waits for all.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop_all(&mut self) -> Result<()> {
        for worker in self.workers.iter().flatten() {
            worker.process.signal(Signal::TERM)?;
        }
        for worker in &mut self.workers {
            if let Some(mut worker) = worker.take() {
                worker.process.stop()?;
            }
        }
        Ok(())
    }

    fn slot(&mut self, index: usize) -> Result<&mut Option<Running>> {
        self.workers.get_mut(index).context("no such worker")
    }

    /// Waits a moment between two looks.
    pub(super) fn wait(&self, moment: Duration) {
        pause(moment);
    }
}

fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
