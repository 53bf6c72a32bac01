//! The processes of a contender while they run.

use anyhow::{Context, Result, ensure};
use velostream_testkit::services::ServerProcess;

use super::Bench;
use super::contender::{self, Contender, Route};
use crate::usage::Usage;

pub(super) struct Replicator<'a> {
    bench: &'a Bench<'a>,
    contender: Contender,
    route: &'a Route<'a>,
    processes: Vec<ServerProcess>,
    /// What processes used that are gone.
    before: Usage,
}

impl<'a> Replicator<'a> {
    pub(super) fn start(bench: &'a Bench<'a>, contender: Contender, route: &'a Route<'a>) -> Result<Self> {
        let mut new = Self { bench, contender, route, processes: Vec::new(), before: Usage::default() };
        new.spawn()?;
        Ok(new)
    }

    fn spawn(&mut self) -> Result<()> {
        let Bench { program, sink, .. } = self.bench;
        self.processes = contender::start(self.contender, self.route, program, sink.install())?;
        Ok(())
    }

    /// SIGKILL for all of them, and new ones with the same files.
    pub(super) fn kill_and_start_again(&mut self) -> Result<()> {
        self.before = self.usage()?;
        for process in &mut self.processes {
            process.kill()?;
        }
        self.spawn()
    }

    pub(super) fn ensure_running(&mut self) -> Result<()> {
        ensure!(self.processes.iter_mut().all(ServerProcess::is_running), "{} ended", self.contender.name());
        Ok(())
    }

    fn usage(&self) -> Result<Usage> {
        let mut used = self.before;
        for process in &self.processes {
            let one = Usage::of(process.pid().context("a process is gone")?)?;
            used = Usage { cpu: used.cpu + one.cpu, peak_kib: used.peak_kib.max(one.peak_kib) };
        }
        Ok(used)
    }

    /// Stops them; what they used in all, and the largest peak of one.
    pub(super) fn stop(mut self) -> Result<Usage> {
        let used = self.usage()?;
        for process in &mut self.processes {
            process.stop()?;
        }
        Ok(used)
    }
}
