//! DynamoDB Local: Amazon's own stand-in for the service, in one JVM.

use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::container::{Container, Plan};
use super::host::{Host, NativeHost};
use super::jars::{Artifact, fetch};
use super::location::services_dir;
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::pause;
use super::provider::Provider;

const VERSION: &str = "2.6.1";
const ARTIFACTS: [Artifact; 1] = [("com.amazonaws", "DynamoDBLocal", VERSION)];
const MAIN: &str = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";
const POLL: Duration = Duration::from_millis(50);
/// A cold JVM on a busy machine takes seconds; this is where we stop believing.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Where a container keeps programs and tables: the official image's place.
const INSIDE: &str = "/home/dynamodblocal";

/// A server with its tables in a directory of its own, so that they are there again after a kill. Dropping it kills the
/// server and removes the tables.
#[derive(Debug)]
pub struct DynamoDb {
    host: Box<dyn Host>,
    port: u16,
    /// Gone behind the process.
    _dir: TempDir,
}

impl DynamoDb {
    /// Starts a server on a free port; a process of this machine with its jars fetched first if they are not there.
    ///
    /// # Errors
    /// When Java or Maven is missing and cannot be installed, the jars cannot be fetched, or the server does not answer.
    pub fn start() -> Result<Self> {
        let port = free_ports(1)?.pop().context("one port was asked for")?;
        let dir = tempfile::tempdir().context("cannot make a directory for the tables")?;
        let host: Box<dyn Host> = match Provider::chosen()? {
            Provider::Native => {
                let (libs, tables) = (dynamodb_libs()?, dir.path().to_path_buf());
                let mut host = NativeHost::new("dynamodb local", tables.clone(), move || {
                    let classes = libs.join("*");
                    let mut command = Command::new("java");
                    command
                        .args(arguments(&libs.display(), &classes.display(), &tables.display(), port))
                        .current_dir(&tables);
                    Ok(command)
                });
                host.launch()?;
                Box::new(host)
            }
            Provider::Containers => Box::new(Container::start(Plan {
                service: "DYNAMODB",
                image: "amazon/dynamodb-local:2.6.1",
                port: (port, 8000),
                arguments: arguments(
                    &"./DynamoDBLocal_lib",
                    &"DynamoDBLocal.jar:DynamoDBLocal_lib/*",
                    &INSIDE,
                    8000,
                ),
                ..Plan::default()
            })?),
        };
        let mut server = Self { host, port, _dir: dir };
        server.await_answer()?;
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
    /// When the kernel or the engine refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.host.kill()
    }

    /// Starts it again on the same port and tables, and waits until it answers.
    ///
    /// # Errors
    /// When it leaves or does not answer within two minutes.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.host.launch()?;
        self.await_answer()
    }

    fn await_answer(&mut self) -> Result<()> {
        let mut waited = Duration::ZERO;
        while !answers(self.port) {
            if !self.host.is_running() || waited > START_LIMIT {
                bail!("dynamodb local does not answer; its log:\n{}", self.host.log());
            }
            pause(POLL);
            waited += POLL;
        }
        Ok(())
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        // Before its tables go. Nothing can be reported from here.
        drop(self.host.kill());
    }
}

/// The directory of its jars, which are fetched if they are not there.
///
/// # Errors
/// When Java or Maven is missing and cannot be installed, or the jars cannot be fetched.
pub fn dynamodb_libs() -> Result<PathBuf> {
    let libs = services_dir().join(format!("dynamodb-{VERSION}")).join("libs");
    if libs.is_dir() {
        ensure(&[Prerequisite::Java])?;
    } else {
        ensure(&[Prerequisite::Java, Prerequisite::Maven])?;
        fetch(&libs, &ARTIFACTS)?;
    }
    Ok(libs)
}

/// What Java is started with.
fn arguments(native: &dyn Display, classes: &dyn Display, tables: &dyn Display, port: u16) -> Vec<String> {
    let fixed = |word: &str| word.to_owned();
    vec![
        fixed("-Xmx256m"),
        fixed("-XX:+UseSerialGC"),
        fixed("-XX:TieredStopAtLevel=1"),
        fixed("-XX:-UsePerfData"),
        fixed("-Djava.net.preferIPv4Stack=true"),
        fixed("-Djava.awt.headless=true"),
        format!("-Djava.library.path={native}"),
        fixed("-cp"),
        classes.to_string(),
        fixed(MAIN),
        fixed("-sharedDb"),
        fixed("-disableTelemetry"),
        fixed("-port"),
        port.to_string(),
        fixed("-dbPath"),
        tables.to_string(),
    ]
}

/// True once it answers a request of the service: an engine takes connections for a container before anybody listens in it,
/// and the first request makes a cold server load its database, for which a client's limits are too short on a busy machine.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, POLL) else { return false };
    let asked =
        stream.set_read_timeout(Some(START_LIMIT)).and_then(|()| stream.write_all(LIST_TABLES.as_bytes()));
    let mut answer = [0; 12];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b" 200")
}

/// DynamoDB Local checks no signature, but wants one that looks like it.
const LIST_TABLES: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
    Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=velostream/20260101/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=host, Signature=0\r\nContent-Length: 2\r\n\r\n{}";
