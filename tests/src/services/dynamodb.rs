//! DynamoDB Local: Amazon's own stand-in for the service, in one JVM.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::jars::{Artifact, fetch};
use super::location::services_dir;
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::{ServerProcess, pause};

const VERSION: &str = "2.6.1";
const ARTIFACTS: [Artifact; 1] = [("com.amazonaws", "DynamoDBLocal", VERSION)];
const MAIN: &str = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";
const POLL: Duration = Duration::from_millis(50);
/// A cold JVM on a busy machine takes seconds; this is where we stop believing.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A server with its tables in a temporary directory, so that they are there again after a kill. Dropping it kills the
/// process and removes the directory.
#[derive(Debug)]
pub struct DynamoDb {
    libs: PathBuf,
    port: u16,
    dir: TempDir,
    process: Option<ServerProcess>,
}

impl DynamoDb {
    /// Starts a server on a free port, with its jars fetched first if they are not there.
    ///
    /// # Errors
    /// When Java or Maven is missing and cannot be installed, the jars cannot be fetched, or the server does not answer.
    pub fn start() -> Result<Self> {
        let libs = services_dir().join(format!("dynamodb-{VERSION}")).join("libs");
        if libs.is_dir() {
            ensure(&[Prerequisite::Java])?;
        } else {
            ensure(&[Prerequisite::Java, Prerequisite::Maven])?;
            fetch(&libs, &ARTIFACTS)?;
        }
        let port = free_ports(1)?.pop().context("one port was asked for")?;
        let dir = tempfile::tempdir().context("cannot make a directory for the tables")?;
        let mut server = Self { libs, port, dir, process: None };
        server.restart()?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// kill -9: no shutdown, no flush.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts it again on the same port and tables, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it leaves or does not answer within two minutes.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let mut command = Command::new("java");
        command
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"])
            .args(["-Djava.net.preferIPv4Stack=true", "-Djava.awt.headless=true"])
            .arg(format!("-Djava.library.path={}", self.libs.display()))
            .arg("-cp")
            .arg(self.libs.join("*"))
            .arg(MAIN)
            .args(["-sharedDb", "-disableTelemetry", "-port", &self.port.to_string(), "-dbPath"])
            .arg(self.dir.path())
            .current_dir(self.dir.path());
        let mut process = ServerProcess::spawn("dynamodb local", self.dir.path(), command)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut waited = Duration::ZERO;
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            if !process.is_running() || waited > START_LIMIT {
                let log = std::fs::read_to_string(process.log()).unwrap_or_default();
                bail!("dynamodb local does not answer; its log:\n{log}");
            }
            pause(POLL);
            waited += POLL;
        }
        self.process = Some(process);
        Ok(())
    }
}
