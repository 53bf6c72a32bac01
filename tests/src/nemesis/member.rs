//! One worker of a fleet, through all its lives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Job;
use crate::services::{ServerProcess, Signal};

/// A worker that is killed and started again under the same name. Its connections have another client id in each life,
/// so that what is late from an earlier one is not taken for its own.
#[derive(Debug)]
pub struct Member {
    name: String,
    job: Job,
    dir: PathBuf,
    binary: PathBuf,
    life: u32,
    /// Length of the log when its present life began.
    born: usize,
    process: Option<ServerProcess>,
}

/// How much of a log an error shows.
const TAIL: usize = 40;

impl Member {
    /// A worker that does not run yet. The job's client section is replaced; its state directory is the fleet's.
    #[must_use]
    pub fn new(name: &str, job: &Job, binary: &Path) -> Self {
        let mut job = job.clone().state_dir(&job.dir.join("state"));
        let dir = job.dir.join(name);
        job.dir = dir.clone();
        Self { name: name.to_owned(), job, dir, binary: binary.to_owned(), life: 0, born: 0, process: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client id of its present life, or of its last one.
    #[must_use]
    pub fn client(&self) -> String {
        self.client_of(self.life)
    }

    /// The client id that it has once it was started again.
    #[must_use]
    pub fn next_client(&self) -> String {
        self.client_of(self.life + 1)
    }

    fn client_of(&self, life: u32) -> String {
        format!("{}.{}.{life}", self.job.name, self.name)
    }

    /// Starts it.
    ///
    /// # Errors
    /// When its files cannot be written or the program cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    /// Starts it to end by itself once it has delivered what is there.
    ///
    /// # Errors
    /// As [`Member::start`].
    pub fn start_until_caught_up(&mut self) -> Result<()> {
        self.start_with(&["--until-caught-up"])
    }

    fn start_with(&mut self, arguments: &[&str]) -> Result<()> {
        self.life += 1;
        self.born = self.log().len();
        fs::create_dir_all(&self.dir)?;
        let client = format!(
            "client: {{ client_id: {}, request_timeout: 1500ms, connect_timeout: 1s }}",
            self.client()
        );
        let path = self.job.clone().source(&client).sink(&client).write()?;
        let mut command = Command::new(&self.binary);
        command.arg("run").arg(path).args(["--instance", &self.name, "--no-progress"]).args(arguments);
        self.process = Some(ServerProcess::spawn(&self.name, &self.dir, command)?);
        Ok(())
    }

    /// True while its process lives.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(ServerProcess::is_running)
    }

    /// How it ended, if nobody has killed it.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(ServerProcess::ended)
    }

    /// Waits until it ends by itself; `None` where it does not within `limit`.
    pub fn await_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|process| process.await_end(limit))
    }

    /// SIGKILL; nothing where it does not run.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// SIGSTOP, and waits until no thread of it runs any more.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().context("it does not run")?.pause()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("it does not run")?.signal(signal)
    }

    /// What it has said in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.dir.join("server.log"))
            .map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// What it has said since it was started.
    #[must_use]
    pub fn words_of_life(&self) -> String {
        self.log().get(self.born..).unwrap_or_default().to_owned()
    }

    /// The end of what it has said.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
    }
}
