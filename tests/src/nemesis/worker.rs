//! One process of the program, whose output and exit code are wanted.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, kill_process};

use super::program::{Ended, binary};
use super::{Job, Signal};
use crate::services::pause;

const POLL: Duration = Duration::from_millis(10);

/// A running process of the program; killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// What a process has written so far.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker of a job that goes on until it is told to stop.
    ///
    /// # Errors
    /// When the job file cannot be written or the program cannot be started.
    pub fn of(job: &Job, instance: &str) -> Result<Self> {
        let path = job.write()?;
        let path = path.to_string_lossy();
        job.start(&["run", &path, "--no-progress", "--instance", instance])
    }

    /// The most memory that it has had so far, in KiB (`VmHWM` of proc_pid_status(5)).
    ///
    /// # Errors
    /// When it is gone.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.split_whitespace().next()).context("no VmHWM")?;
        Ok(peak.parse()?)
    }

    /// True until it has ended.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Starts the program with these arguments, in a directory, with further environment variables.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<S: AsRef<std::ffi::OsStr>>(
        directory: &Path,
        arguments: &[S],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(arguments).current_dir(directory).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start velostream")?;
        let stdout = Output::of(child.stdout.take());
        let stderr = Output::of(child.stderr.take());
        Ok(Self { child, stdout, stderr })
    }

    /// What it has told people so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Waits until its log holds `text`.
    ///
    /// # Errors
    /// When it ends first, or `limit` passes.
    pub fn await_log(&mut self, text: &str, limit: Duration) -> Result<()> {
        self.await_log_from(0, text, limit)
    }

    /// Waits until its log holds `text` at or behind this byte, which is a length that [`Self::log`] once had.
    ///
    /// # Errors
    /// When it ends first, or `limit` passes.
    pub fn await_log_from(&mut self, from: usize, text: &str, limit: Duration) -> Result<()> {
        let started = Instant::now();
        while !self.log().get(from..).is_some_and(|log| log.contains(text)) {
            if self.child.try_wait()?.is_some() || started.elapsed() > limit {
                bail!("velostream does not say {text:?}:\n{}", self.log());
            }
            pause(POLL);
        }
        Ok(())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no such pid")?;
        kill_process(pid, signal).context("cannot signal velostream")
    }

    /// SIGTERM, then waits for its end.
    ///
    /// # Errors
    /// As [`Worker::wait`].
    pub fn terminate(self, limit: Duration) -> Result<Ended> {
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(mut self) -> Result<Ended> {
        self.child.kill().context("cannot kill velostream")?;
        self.wait(Duration::from_secs(10))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When that takes longer than `limit`; the process is killed then.
    pub fn wait(mut self, limit: Duration) -> Result<Ended> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > limit {
                bail!("velostream has not ended within {limit:?}:\n{}", self.log());
            }
            pause(POLL);
        };
        Ok(Ended { code: status.code(), stdout: self.stdout.finish(), stderr: self.stderr.finish() })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended long ago; nothing can be reported from here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Output {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let reader = pipe.map(|pipe| {
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    text.push_str(&String::from_utf8_lossy(&line));
                    text.push('\n');
                }
            })
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // A reader that panicked leaves what it has read.
            drop(reader.join());
        }
        self.text()
    }
}
