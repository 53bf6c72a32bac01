//! What a server runs in.

use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{ServerProcess, Signal};

/// What faults need of a server, whatever it runs in: a process of this machine or a container.
pub(super) trait Host: Debug + Send + Sync {
    /// Starts it, again on the same port and data where it was killed. Does not wait until it answers.
    fn launch(&mut self) -> Result<()>;

    /// SIGKILL to all of it; nothing where it does not run.
    fn kill(&mut self) -> Result<()>;

    /// Stops all its threads, so that it answers nothing and keeps its connections.
    fn pause(&self) -> Result<()>;

    /// Lets it run on.
    fn resume(&self) -> Result<()>;

    /// False once it has left.
    fn is_running(&mut self) -> bool;

    /// What it has printed.
    fn log(&self) -> String;

    /// The process, where it is one of this machine.
    fn process(&self) -> Option<&ServerProcess>;
}

type MakeCommand = Box<dyn Fn() -> Result<Command> + Send + Sync>;

/// A process of this machine. Dropping it kills it.
pub(super) struct NativeHost {
    name: &'static str,
    dir: PathBuf,
    command: MakeCommand,
    process: Option<ServerProcess>,
}

impl NativeHost {
    /// A host that runs what `command` makes; log and pid file go to `dir`.
    pub(super) fn new(
        name: &'static str,
        dir: PathBuf,
        command: impl Fn() -> Result<Command> + Send + Sync + 'static,
    ) -> Self {
        Self { name, dir, command: Box::new(command), process: None }
    }

    fn running(&self) -> Result<&ServerProcess> {
        self.process.as_ref().with_context(|| format!("{} is not running", self.name))
    }
}

impl Host for NativeHost {
    fn launch(&mut self) -> Result<()> {
        self.kill()?;
        self.process = Some(ServerProcess::spawn(self.name, &self.dir, (self.command)()?)?);
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    fn pause(&self) -> Result<()> {
        self.running()?.pause()
    }

    fn resume(&self) -> Result<()> {
        self.running()?.signal(Signal::CONT)
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(ServerProcess::is_running)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    fn process(&self) -> Option<&ServerProcess> {
        self.process.as_ref()
    }
}

impl Debug for NativeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeHost")
            .field("name", &self.name)
            .field("dir", &self.dir)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
