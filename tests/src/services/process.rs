//! One server process: its log, its pid file, and the signals that faults are made of.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
pub use rustix::process::Signal;

const POLL: Duration = Duration::from_millis(20);
/// How long a server may take to leave after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// A child process that is killed when its owner is dropped, unless [`ServerProcess::leave_running`] was called.
#[derive(Debug)]
pub struct ServerProcess {
    name: String,
    child: Option<Child>,
    pid_file: PathBuf,
    log: PathBuf,
}

impl ServerProcess {
    /// Starts `command` in its own process group (a Ctrl-C at the terminal does not reach it), with its output
    /// appended to `<dir>/server.log` and its pid in `<dir>/server.pid`.
    ///
    /// # Errors
    /// When the program or the files cannot be opened.
    pub fn spawn(name: &str, dir: &Path, mut command: Command) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let log = dir.join("server.log");
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        let err = out.try_clone()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid_file = dir.join("server.pid");
        fs::write(&pid_file, child.id().to_string())?;
        Ok(Self { name: name.to_owned(), child: Some(child), pid_file, log })
    }

    /// The process id, while it has not been reaped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The file that holds everything the server printed.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// False once the process has left.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// How the process ended, where it has by itself or by a signal sent with [`ServerProcess::signal`].
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Waits for the end; `None` where the process still runs after `limit`.
    pub fn await_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut waited = Duration::ZERO;
        loop {
            let ended = self.ended();
            if ended.is_some() || waited >= limit {
                return ended;
            }
            pause(POLL);
            waited += POLL;
        }
    }

    /// Stops every thread of the process (SIGSTOP) and waits until none runs any more: the signal alone is
    /// asynchronous, and a thread may still answer a request after it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let pid =
            self.child.as_ref().map(Child::id).with_context(|| format!("{} is not running", self.name))?;
        let mut waited = Duration::ZERO;
        while !is_stopped(pid) {
            if waited > GRACE {
                bail!("{} does not stop", self.name);
            }
            pause(Duration::from_millis(1));
            waited += Duration::from_millis(1);
        }
        Ok(())
    }

    /// Sends a signal. After `Signal::STOP` threads may run on for a moment: see [`ServerProcess::pause`].
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid =
            self.child.as_ref().map(Child::id).with_context(|| format!("{} is not running", self.name))?;
        send(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGKILL, then waits until the process is reaped. A paused process dies too. Does nothing when it already left.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if matches!(child.try_wait(), Ok(None)) {
            child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        }
        child.wait().with_context(|| format!("cannot reap {}", self.name))?;
        remove_if_present(&self.pid_file)
    }

    /// SIGTERM, then SIGKILL if it has not left within 20 s.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(child) = self.child.as_mut()
            && matches!(child.try_wait(), Ok(None))
        {
            send(child.id(), Signal::TERM)?;
            // A paused process cannot handle SIGTERM before it runs again.
            send(child.id(), Signal::CONT)?;
            let mut waited = Duration::ZERO;
            while waited < GRACE && matches!(child.try_wait(), Ok(None)) {
                pause(POLL);
                waited += POLL;
            }
        }
        self.kill()
    }

    /// Gives up ownership: the process goes on after the owner is gone. Its pid file says how to end it later.
    pub fn leave_running(mut self) {
        self.child = None;
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Nothing can be reported from here; the pid file stays for `services down` if the kill failed.
        drop(self.kill());
    }
}

/// The pid in `pid_file`, if that process lives and its command line mentions `marker`. A pid that the kernel has
/// given to somebody else since is thereby never touched.
pub(super) fn running_pid(pid_file: &Path, marker: &str) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    String::from_utf8_lossy(&command_line).contains(marker).then_some(pid)
}

/// Stops the process of a pid file: SIGTERM, then SIGKILL after 20 s. Says whether one was running.
///
/// # Errors
/// When it outlives SIGKILL or belongs to somebody else.
pub(super) fn stop_by_pid_file(pid_file: &Path, marker: &str) -> Result<bool> {
    let Some(pid) = running_pid(pid_file, marker) else {
        remove_if_present(pid_file)?;
        return Ok(false);
    };
    send(pid, Signal::TERM)?;
    // A paused process cannot handle SIGTERM before it runs again; one that left at once is no error.
    drop(send(pid, Signal::CONT));
    for deadline in [GRACE, Duration::from_secs(5)] {
        let mut waited = Duration::ZERO;
        while waited < deadline {
            if running_pid(pid_file, marker).is_none() {
                remove_if_present(pid_file)?;
                return Ok(true);
            }
            pause(POLL);
            waited += POLL;
        }
        // It may have left between the look and the signal.
        drop(send(pid, Signal::KILL));
    }
    bail!("process {pid} of {} does not leave", pid_file.display())
}

/// Waits in a test or tool, where real time is what is meant.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no such pid")?;
    rustix::process::kill_process(pid, signal).with_context(|| format!("kill({})", pid.as_raw_nonzero()))
}

/// True if each thread's state in `/proc` is T (stopped) or a final one.
fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the command name, which is in parentheses and may hold spaces.
        let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        matches!(state, None | Some("T" | "t" | "Z" | "X"))
    })
}

fn remove_if_present(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{ServerProcess, pause, running_pid, stop_by_pid_file};

    fn sleeper(dir: &std::path::Path) -> ServerProcess {
        let mut command = Command::new("sleep");
        command.arg("617");
        ServerProcess::spawn("sleeper", dir, command).expect("sleep starts")
    }

    #[test]
    fn process_dropped_is_killed_and_reaped() {
        let dir = tempfile::tempdir().expect("a directory");
        let process = sleeper(dir.path());
        let pid = process.pid().expect("it runs");
        drop(process);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(!dir.path().join("server.pid").exists());
    }

    #[test]
    fn paused_process_stopped_leaves() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut process = sleeper(dir.path());
        process.pause().expect("it pauses");
        assert!(super::is_stopped(process.pid().expect("it runs")));
        process.stop().expect("it leaves");
        assert!(!process.is_running());
    }

    #[test]
    fn process_left_running_is_found_and_stopped_by_its_pid_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let process = sleeper(dir.path());
        let pid = process.pid();
        process.leave_running();
        let pid_file = dir.path().join("server.pid");
        // The process image may still be ours for an instant before exec.
        for _ in 0..500 {
            if running_pid(&pid_file, "617").is_none() {
                pause(super::POLL);
            }
        }
        assert_eq!(running_pid(&pid_file, "617"), pid);
        assert_eq!(running_pid(&pid_file, "another server"), None);
        // Nobody reaps it but us, and a zombie has an empty command line: it counts as gone.
        assert!(stop_by_pid_file(&pid_file, "617").expect("it leaves"));
        assert!(!stop_by_pid_file(&pid_file, "617").expect("nothing there"));
    }
}
