//! A PostgreSQL server on loopback, with data of its own.

mod contained;
mod native;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::container;
use super::host::Host;
use super::process::pause;
use super::provider::Provider;
pub(super) use programs::programs;
use programs::{program, run};

const POLL: Duration = Duration::from_millis(50);
const START_LIMIT: Duration = Duration::from_secs(60);

/// The port of a server in a container.
const INSIDE: u16 = 5432;

/// A server that accepts everybody on 127.0.0.1. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    // Ends in front of its directory.
    host: Box<dyn Host>,
    place: Place,
    port: u16,
}

/// Where its programs and its data are.
#[derive(Debug)]
enum Place {
    /// Here, as the user `postgres` where we are root: the server refuses root.
    Machine { _dir: TempDir },
    /// In the container of this id.
    Container { id: String },
}

impl PostgresServer {
    /// Makes an empty cluster with these settings and starts it. Installs PostgreSQL if need be.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up; nothing is left running.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let server = match Provider::chosen()? {
            Provider::Native => native::fresh(settings)?,
            Provider::Containers => contained::fresh(settings)?,
        };
        server.up()
    }

    /// A standby of `primary` under the name `name`, which has everything that the primary has now.
    ///
    /// # Errors
    /// When it cannot be copied or does not come up.
    pub fn standby_of(primary: &Self, name: &str) -> Result<Self> {
        let server = match &primary.place {
            Place::Machine { .. } => native::standby_of(primary.port, name)?,
            Place::Container { id } => contained::standby_of(primary, id, name)?,
        };
        server.up()
    }

    fn up(mut self) -> Result<Self> {
        self.launch()?;
        Ok(self)
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
            if !self.host.is_running() {
                self.host.launch()?;
            }
            if waited > START_LIMIT {
                bail!("postgres does not come up on port {}:\n{}", self.port, self.host.log());
            }
            pause(POLL);
            waited += POLL;
        }
        Ok(())
    }

    /// Makes it take encrypted connections, and those alone from anybody but the superuser of these methods.
    ///
    /// # Errors
    /// When a file cannot be read or the server refuses.
    pub fn encrypt(&self, (certificate, key): &(PathBuf, PathBuf)) -> Result<()> {
        self.write_file("server.crt", &fs::read_to_string(certificate)?)?;
        self.write_file("server.key", &fs::read_to_string(key)?)?;
        self.sql("ALTER SYSTEM SET ssl = on")?;
        self.admit("hostssl all all all trust")
    }

    /// Lets others than the superuser in by this line of `pg_hba.conf` alone.
    ///
    /// # Errors
    /// When the server refuses, or goes on with its old settings.
    pub fn admit(&self, rule: &str) -> Result<()> {
        let loaded = || self.ask("SELECT pg_conf_load_time()");
        let before = loaded()?;
        // A container sees clients at the address of its network.
        self.write_file("pg_hba.conf", &format!("host all postgres all trust\n{rule}\n"))?;
        self.sql("SELECT pg_reload_conf()")?;
        for _ in 0..START_LIMIT.as_millis() / POLL.as_millis() {
            if loaded()? != before {
                return Ok(());
            }
            pause(POLL);
        }
        bail!("postgres does not load its settings:\n{}", self.host.log())
    }

    /// Writes a file of its data, as itself: wherever it runs, and with rights that it takes for a key.
    fn write_file(&self, name: &str, text: &str) -> Result<()> {
        self.sql(&format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'",
            text.trim_end()
        ))
    }

    /// kill -9 of the postmaster; its children leave when they see it gone.
    ///
    /// # Errors
    /// When the kernel or the engine refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.host.kill()
    }

    /// Makes a standby take writes.
    ///
    /// # Errors
    /// When it does not.
    pub fn promote(&self) -> Result<()> {
        match self.ask("SELECT pg_promote()")?.as_str() {
            "t" => Ok(()),
            other => bail!("the standby was not promoted: {other:?}"),
        }
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
        let mut command = self.tool("psql")?;
        command.args(["-q", "-U", "postgres", "-d", "postgres"]);
        Ok(command)
    }

    /// A program that talks to the server.
    fn tool(&self, name: &str) -> Result<Command> {
        let (mut command, port) = match &self.place {
            Place::Machine { .. } => (program(name)?, self.port),
            Place::Container { id } => (container::tool(id, "postgres", name), INSIDE),
        };
        command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        Ok(command)
    }

    fn answers(&self) -> Result<bool> {
        let output = self.tool("pg_isready")?.args(["-q"]).output()?;
        Ok(output.status.success())
    }
}
