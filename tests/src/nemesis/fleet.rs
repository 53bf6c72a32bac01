//! Several workers of one job.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::services::{ServerProcess, Signal, pause};

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
    workers: Vec<Option<ServerProcess>>,
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
        let process = ServerProcess::spawn(&name, &self.options.dir.join(&name), command)?;
        *self.slot(index)? = Some(process);
        Ok(())
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the worker does not run.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        self.slot(index)?.take().context("no such worker")?.kill()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the worker does not run.
    pub fn signal(&mut self, index: usize, signal: Signal) -> Result<()> {
        self.slot(index)?.as_ref().context("no such worker")?.signal(signal)
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When the worker does not run or does not end.
    pub fn stop(&mut self, index: usize) -> Result<()> {
        self.slot(index)?.take().context("no such worker")?.stop()
    }

    /// True where the worker runs.
    pub fn is_running(&mut self, index: usize) -> bool {
        self.workers.get_mut(index).and_then(Option::as_mut).is_some_and(ServerProcess::is_running)
    }

    /// Fails where a worker ended that nobody has killed.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> Result<()> {
        for (index, worker) in self.workers.iter_mut().enumerate() {
            let Some(worker) = worker else { continue };
            if !worker.is_running() {
                bail!("worker w{index} ended by itself:\n{}", tail(worker.log(), 30));
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
            worker.signal(Signal::TERM)?;
        }
        for worker in &mut self.workers {
            if let Some(mut process) = worker.take() {
                process.stop()?;
            }
        }
        Ok(())
    }

    fn slot(&mut self, index: usize) -> Result<&mut Option<ServerProcess>> {
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
