//! One Redis server on loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::location::{repository_root, services_dir};
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::{ServerProcess, pause};

const USER: &str = "velostream";
const PASSWORD: &str = "only-for-tests";

/// Where the server's user comes from: the file that operators get, so that its rights are the ones that are tested.
const RIGHTS: &str = "crates/store-redis/acl.conf";

/// A running Redis server with a data directory of its own. Dropping it kills the server and removes the directory.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<ServerProcess>,
    port: u16,
    dir: PathBuf,
}

impl RedisServer {
    /// Installs Redis if need be, starts a server whose settings keep the strongest claim, `extra` behind them, and
    /// waits until it answers.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn start(name: &str, extra: &[(&str, &str)]) -> Result<Self> {
        ensure(&[Prerequisite::Redis])?;
        let port = free_ports(1)?.first().copied().context("no port")?;
        let dir = services_dir().join("redis").join(format!("{name}-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let rights = fs::read_to_string(repository_root().join(RIGHTS)).context(RIGHTS)?;
        let rights = rights.replace("CHANGE-ME", PASSWORD);
        fs::write(dir.join("acl.conf"), &rights)?;
        // For the suite that shows what such a user costs.
        fs::write(dir.join("weak.conf"), rights.replace("default off resetpass ~* &* +@all", "default off"))?;
        fs::write(dir.join("redis.conf"), settings(&dir, port, extra))?;
        let mut server = Self { process: None, port, dir };
        server.restart()?;
        Ok(server)
    }

    /// Starts the server again on the same port and data.
    ///
    /// # Errors
    /// When it does not come up within 30 s.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let mut command = Command::new("redis-server");
        command.arg(self.dir.join("redis.conf"));
        let process = self.process.insert(ServerProcess::spawn("redis", &self.dir, command)?);
        for _ in 0..1500 {
            if answers(self.port) {
                return Ok(());
            }
            if !process.is_running() {
                bail!("redis left at once, see {}", process.log().display());
            }
            pause(Duration::from_millis(20));
        }
        bail!("redis on port {} does not answer", self.port)
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The process, to pause it.
    #[must_use]
    pub const fn process(&self) -> Option<&ServerProcess> {
        self.process.as_ref()
    }

    /// The server's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL with the user of least rights.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The same user behind another port: a proxy's.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://{USER}:{PASSWORD}@127.0.0.1:{port}")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.process = None;
        // A directory that stays costs disk, nothing else.
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn settings(dir: &Path, port: u16, extra: &[(&str, &str)]) -> String {
    let directory = format!("\"{}\"", dir.display());
    let rights = format!("\"{}\"", dir.join("acl.conf").display());
    let port = port.to_string();
    let mut settings = vec![
        ("bind", "127.0.0.1"),
        ("port", port.as_str()),
        ("dir", directory.as_str()),
        ("aclfile", rights.as_str()),
        ("save", "\"\""),
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
    ];
    // Of a setting that is given twice Redis takes the last.
    settings.extend(extra);
    settings.iter().map(|(name, value)| format!("{name} {value}\n")).collect()
}

/// True once the server has loaded its data.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let asked = stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .and_then(|()| write!(stream, "AUTH {USER} {PASSWORD}\r\nPING\r\n"));
    let wanted = b"+OK\r\n+PONG\r\n";
    let mut answer = [0; 12];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *wanted
}
