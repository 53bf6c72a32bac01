//! One Redis server on loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::container::{Container, Plan};
use super::host::{Host, NativeHost};
use super::location::{repository_root, services_dir};
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::{ServerProcess, pause};
use super::provider::Provider;

const USER: &str = "velostream";
const PASSWORD: &str = "only-for-tests";

/// Somebody who may do everything: looks at what the server keeps.
const ADMIN: &str = "user admin on >only-for-tests ~* &* +@all\n";

/// The port of a server in a container.
const INSIDE: u16 = 6379;

/// Where the server's user comes from: the file that operators get, so that its rights are the ones that are tested.
const RIGHTS: &str = "crates/store-redis/acl.conf";

/// A running Redis server with a data directory of its own. Dropping it kills the server and removes the directory.
#[derive(Debug)]
pub struct RedisServer {
    host: Box<dyn Host>,
    port: u16,
    dir: PathBuf,
}

impl RedisServer {
    /// Starts a server whose settings keep the strongest claim, `extra` behind them, and waits until it answers. Installs
    /// Redis if need be.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn start(name: &str, extra: &[(&str, &str)]) -> Result<Self> {
        let port = free_ports(1)?.first().copied().context("no port")?;
        let dir = services_dir().join("redis").join(format!("{name}-{}-{port}", std::process::id()));
        let rights = fs::read_to_string(repository_root().join(RIGHTS)).context(RIGHTS)?;
        let rights = rights.replace("CHANGE-ME", PASSWORD) + ADMIN;
        // For the suite that shows what such a user costs.
        let weak = rights.replace("default off resetpass ~* &* +@all", "default off");
        let files = |settings| [("acl.conf", rights), ("weak.conf", weak), ("redis.conf", settings)];
        let host: Box<dyn Host> = match Provider::chosen()? {
            Provider::Native => {
                ensure(&[Prerequisite::Redis])?;
                fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
                for (file, text) in files(settings(&dir, ("127.0.0.1", port), extra)) {
                    fs::write(dir.join(file), text)?;
                }
                let file = dir.join("redis.conf");
                let mut host = NativeHost::new("redis", dir.clone(), move || {
                    let mut command = Command::new("redis-server");
                    command.arg(&file);
                    Ok(command)
                });
                host.launch()?;
                Box::new(host)
            }
            Provider::Containers => {
                let inside = Path::new("/data");
                let files = files(settings(inside, ("0.0.0.0", INSIDE), extra));
                let path = |file: &str| inside.join(file).display().to_string();
                Box::new(Container::start(Plan {
                    service: "REDIS",
                    image: "redis:7",
                    port: (port, INSIDE),
                    arguments: vec!["redis-server".to_owned(), path("redis.conf")],
                    files: files.map(|(file, text)| (path(file), text.into_bytes())).into(),
                    ..Plan::default()
                })?)
            }
        };
        let mut server = Self { host, port, dir };
        server.await_answer()?;
        Ok(server)
    }

    /// Starts the server again on the same port and data.
    ///
    /// # Errors
    /// When it does not come up within 30 s.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.host.launch()?;
        self.await_answer()
    }

    fn await_answer(&mut self) -> Result<()> {
        for _ in 0..1500 {
            if answers(self.port) {
                return Ok(());
            }
            if !self.host.is_running() {
                bail!("redis left at once:\n{}", self.host.log());
            }
            pause(Duration::from_millis(20));
        }
        bail!("redis on port {} does not answer:\n{}", self.port, self.host.log())
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the kernel or the engine refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.host.kill()
    }

    /// Stops it without ending it: its connections stay and nobody answers.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pause(&self) -> Result<()> {
        self.host.pause()
    }

    /// Lets it run on after [`RedisServer::pause`].
    ///
    /// # Errors
    /// When it is gone.
    pub fn resume(&self) -> Result<()> {
        self.host.resume()
    }

    /// The process, where it is one of this machine.
    #[must_use]
    pub fn process(&self) -> Option<&ServerProcess> {
        self.host.process()
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

    /// The URL with a user of all rights.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("redis://admin:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// The same user behind another port: a proxy's.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://{USER}:{PASSWORD}@127.0.0.1:{port}")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // The server goes first. Nothing can be reported from here.
        drop(self.host.kill());
        // A directory that stays costs disk, nothing else.
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn settings(dir: &Path, (bind, port): (&str, u16), extra: &[(&str, &str)]) -> String {
    let directory = format!("\"{}\"", dir.display());
    let rights = format!("\"{}\"", dir.join("acl.conf").display());
    let port = port.to_string();
    let mut settings = vec![
        ("bind", bind),
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
