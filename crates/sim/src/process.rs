//! A worker process: started, stopped, paused, killed, started again.

use tokio::task::AbortHandle;
use velostream_processor::StopHandle;

/// What a process may do right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    /// For so many milliseconds more.
    Paused(u64),
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Life {
    /// Not started, or killed and about to be started again.
    #[default]
    Down,
    Up,
    /// Ended by itself.
    Ended,
}

/// One worker process and what outlives it.
#[derive(Debug, Default)]
pub(crate) struct Process {
    incarnation: u64,
    life: Life,
    paused_until: u64,
    tasks: Vec<AbortHandle>,
    stop: Option<StopHandle>,
    /// It was asked to stop, and is started again so many milliseconds after its end.
    restart_ms: Option<u64>,
    /// What its state directory keeps.
    pub(crate) member_id: String,
}

impl Process {
    pub(crate) const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.life, Life::Ended)
    }

    /// A new process begins; its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.incarnation += 1;
        self.life = Life::Up;
        self.paused_until = 0;
        self.tasks.clear();
        self.stop = None;
        self.restart_ms = None;
        self.incarnation
    }

    pub(crate) fn started(&mut self, stop: StopHandle, tasks: Vec<AbortHandle>) {
        self.stop = Some(stop);
        self.tasks = tasks;
    }

    /// Ended by itself; after how many milliseconds it is to be started again.
    pub(crate) fn ended(&mut self) -> Option<u64> {
        self.life = Life::Ended;
        for task in self.tasks.drain(..) {
            task.abort();
        }
        self.stop = None;
        self.restart_ms.take()
    }

    /// It is to be started again.
    pub(crate) const fn wait_for_restart(&mut self) {
        self.life = Life::Down;
    }

    /// It never starts again.
    pub(crate) const fn retire(&mut self) {
        self.life = Life::Ended;
    }

    pub(crate) fn standing(&self, incarnation: u64, now: u64) -> Standing {
        if self.incarnation != incarnation || self.life != Life::Up {
            return Standing::Dead;
        }
        match self.paused_until.saturating_sub(now) {
            0 => Standing::Running,
            left => Standing::Paused(left),
        }
    }

    pub(crate) fn pause_until(&mut self, at: u64) {
        if self.life == Life::Up {
            self.paused_until = self.paused_until.max(at);
        }
    }

    /// kill -9; false where nothing runs.
    pub(crate) fn kill(&mut self) -> bool {
        if self.life != Life::Up {
            return false;
        }
        self.life = Life::Down;
        for task in self.tasks.drain(..) {
            task.abort();
        }
        self.stop = None;
        true
    }

    /// SIGTERM; the handle to pull, where something runs.
    pub(crate) fn stop(&mut self, restart_ms: u64) -> Option<StopHandle> {
        let stop = self.stop.clone()?;
        self.restart_ms = Some(restart_ms);
        Some(stop)
    }

    pub(crate) fn stop_handle(&self) -> Option<StopHandle> {
        self.stop.clone()
    }
}
