//! An engine for containers: the one that answers, or one of our own that ends with the command.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use velostream_testkit::services::{Prerequisite, ServerProcess, ensure, services_dir};

const POLL: Duration = Duration::from_millis(100);
const POLLS: u32 = 600;

/// An engine that answers. One that was started here is stopped when this is dropped; its images stay for the next.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Value of `DOCKER_HOST`, where the default would not lead to it.
    host: Option<String>,
    own: Option<ServerProcess>,
}

impl Engine {
    /// The engine that `docker` finds by itself; where none answers, one below the directory of the servers. That needs
    /// root.
    ///
    /// # Errors
    /// When the engine can neither be found nor installed nor started.
    pub(crate) fn find_or_start() -> Result<Self> {
        let found = Self { host: None, own: None };
        if found.answers() { Ok(found) } else { Self::start() }
    }

    fn start() -> Result<Self> {
        ensure(&[Prerequisite::ContainerEngine])?;
        let dir = services_dir().join("containers");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let socket = socket(&dir);
        let mut command = Command::new("dockerd");
        command
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("dockerd.pid"))
            .args(["--ip", "127.0.0.1", "-H", &socket]);
        let process = ServerProcess::spawn("dockerd", &dir, command)?;
        let mut engine = Self { host: Some(socket), own: Some(process) };
        for _ in 0..POLLS {
            if engine.answers() {
                return Ok(engine);
            }
            if !engine.own.as_mut().is_some_and(ServerProcess::is_running) {
                break;
            }
            thread::sleep(POLL);
        }
        bail!("dockerd does not answer, see {}", dir.join("server.log").display())
    }

    /// The engine's program, or another that talks to the engine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.apply(&mut command);
        command
    }

    /// Shows a command the way to the engine.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
    }

    /// Its version and where it is, for people.
    pub(crate) fn describe(&self) -> String {
        let version = self.command("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
        let version = version.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        let whose = if self.own.is_some() { "started for this run" } else { "found" };
        format!("container engine {} ({whose})", version.unwrap_or_default())
    }

    fn answers(&self) -> bool {
        self.command("docker")
            .args(["version", "--format", "{{.Server.Version}}"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(process) = self.own.as_mut() {
            // SIGTERM, so that it stops what it started. Nothing can be reported from here.
            drop(process.stop());
        }
    }
}

/// A socket's path must be short: 108 bytes at most.
fn socket(dir: &std::path::Path) -> String {
    let here = dir.join("engine.sock");
    let path = if here.as_os_str().len() < 100 {
        here
    } else {
        PathBuf::from(format!("/tmp/velostream-{}.sock", std::process::id()))
    };
    format!("unix://{}", path.display())
}
