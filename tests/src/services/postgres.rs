//! A PostgreSQL server on loopback, with a directory of its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::{ServerProcess, pause};

const POLL: Duration = Duration::from_millis(50);
const START_LIMIT: Duration = Duration::from_secs(60);

/// A server that runs as the user `postgres` (it refuses root) and accepts everybody on 127.0.0.1. Dropping it kills
/// it and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    dir: TempDir,
    port: u16,
    process: Option<ServerProcess>,
}

impl PostgresServer {
    /// Installs PostgreSQL if need be, makes an empty cluster with these settings and starts it.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up; nothing is left running.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let mut server = Self::empty()?;
        let data = server.data();
        run(program("initdb")?
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data))?;
        server.configure(settings)?;
        server.launch()?;
        Ok(server)
    }

    /// A standby of `primary` under the name `name`, which has everything that the primary has now.
    ///
    /// # Errors
    /// When it cannot be copied or does not come up.
    pub fn standby_of(primary: &Self, name: &str) -> Result<Self> {
        let mut server = Self::empty()?;
        let source = format!("host=127.0.0.1 port={} user=postgres application_name={name}", primary.port);
        run(program("pg_basebackup")?
            .args(["-X", "stream", "-c", "fast", "-R", "-d", &source, "-D"])
            .arg(server.data()))?;
        server.configure(&[("primary_conninfo", &source)])?;
        server.launch()?;
        Ok(server)
    }

    /// `postgresql://USER@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it after [`PostgresServer::kill`], on the same port and data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn launch(&mut self) -> Result<()> {
        let mut waited = Duration::ZERO;
        while !self.answers()? {
            // Beside a backend of a killed postmaster a new one refuses to start; the backend leaves soon.
            if !self.process.as_mut().is_some_and(ServerProcess::is_running) {
                self.process = Some(self.spawn()?);
            }
            if waited > START_LIMIT {
                let log = fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
                bail!("postgres does not come up on port {}:\n{log}", self.port);
            }
            pause(POLL);
            waited += POLL;
        }
        Ok(())
    }

    fn spawn(&self) -> Result<ServerProcess> {
        let mut command = program("postgres")?;
        command.arg("-D").arg(self.data());
        ServerProcess::spawn("postgres", self.dir.path(), command)
    }

    /// kill -9 of the postmaster; its children leave when they see it gone.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Makes a standby take writes.
    ///
    /// # Errors
    /// When it does not.
    pub fn promote(&self) -> Result<()> {
        run(program("pg_ctl")?.args(["promote", "-w", "-D"]).arg(self.data()))
    }

    /// Runs statements as the superuser.
    ///
    /// # Errors
    /// When one fails.
    pub fn sql(&self, statements: &str) -> Result<()> {
        run(self.psql()?.args(["-v", "ON_ERROR_STOP=1", "-c", statements]))
    }

    /// The first value that a statement of the superuser gives, as text.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, statement: &str) -> Result<String> {
        let output = self.psql()?.args(["-At", "-c", statement]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn psql(&self) -> Result<Command> {
        let mut command = program("psql")?;
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "postgres"]);
        Ok(command)
    }

    fn empty() -> Result<Self> {
        ensure(&[Prerequisite::Postgres])?;
        let dir = tempfile::Builder::new().prefix("velostream-postgres").tempdir()?;
        if let Some(user) = Postgres::user()? {
            std::os::unix::fs::chown(dir.path(), Some(user.uid), Some(user.gid))?;
        }
        let port = free_ports(1)?.first().copied().context("no port")?;
        Ok(Self { dir, port, process: None })
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn configure(&self, settings: &[(&str, &str)]) -> Result<()> {
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &self.port.to_string()),
            ("unix_socket_directories", ""),
            ("shared_buffers", "16MB"),
            ("max_connections", "50"),
        ];
        let lines: String =
            ours.iter().chain(settings).map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        // Read behind postgresql.conf, and before what pg_basebackup wrote is overruled by the last line.
        let file = self.data().join("postgresql.auto.conf");
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, format!("{before}\n{lines}"))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn answers(&self) -> Result<bool> {
        let status = program("pg_isready")?
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .status()?;
        Ok(status.success())
    }
}

/// The user that the server runs as.
#[derive(Debug, Clone, Copy)]
struct Postgres {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// `None` where this process is not root and the server may run as its own user.
    fn user() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
        let line = users.lines().find(|line| line.starts_with("postgres:")).context("no user postgres")?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        let (uid, gid) = (ids.next().context("no uid")??, ids.next().context("no gid")??);
        Ok(Some(Self { uid, gid }))
    }
}

/// The directory of the newest installed server programs.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.flatten().map(|version| version.path().join("bin"));
    found.filter(|bin| bin.join("postgres").is_file()).max_by_key(|bin| version(bin))
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// A program of PostgreSQL, as the user that it accepts.
fn program(name: &str) -> Result<Command> {
    let bin = programs().context("PostgreSQL is not installed")?;
    let mut command = Command::new(bin.join(name));
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(user) = Postgres::user()? {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}

fn run(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
