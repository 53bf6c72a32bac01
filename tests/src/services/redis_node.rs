//! One server process of Redis or Valkey on loopback, in any of its roles.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use redis::{Client, Value, cmd};

use super::location::{repository_root, services_dir};
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::{ServerProcess, pause};
use super::valkey::valkey_program;

const USER: &str = "velostream";
/// What the servers themselves, and suites that reconfigure them, log in as.
pub(super) const OPERATOR: &str = "operator";
pub(super) const PASSWORD: &str = "only-for-tests";

/// Where the server's user comes from: the file that operators get, so that its rights are the ones that are tested.
const RIGHTS: &str = "crates/store-redis/acl.conf";

const POLL: Duration = Duration::from_millis(20);
const START_LIMIT: u32 = 1500;
/// A server that was stopped by a signal does not answer at all.
const ANSWER: Duration = Duration::from_secs(2);
/// Sentinels make a server that came back a replica after 8 s at the earliest, and one that was stalled for 2 s does
/// nothing for 30 s ("TILT mode" of the manual).
const LINK_LIMIT: Duration = Duration::from_secs(120);

/// A process with a directory of its own. Dropping it kills the process and removes the directory.
#[derive(Debug)]
pub struct RedisNode {
    program: PathBuf,
    sentinel: bool,
    process: Option<ServerProcess>,
    port: u16,
    dir: PathBuf,
}

impl RedisNode {
    /// Starts Debian's Redis with settings that keep the strongest claim, `extra` behind them. Installs it if need be.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn redis(name: &str, extra: &[(&str, &str)]) -> Result<Self> {
        ensure(&[Prerequisite::Redis])?;
        let port = free_ports(1)?.first().copied().context("no port")?;
        Self::server(Path::new("redis-server"), name, port, extra)
    }

    /// As [`RedisNode::redis`], with Valkey.
    ///
    /// # Errors
    /// As [`RedisNode::redis`].
    pub fn valkey(name: &str, extra: &[(&str, &str)]) -> Result<Self> {
        let port = free_ports(1)?.first().copied().context("no port")?;
        Self::server(&valkey_program()?, name, port, extra)
    }

    /// A Valkey server that follows `primary` and has everything that it has now.
    ///
    /// # Errors
    /// As [`RedisNode::redis`].
    pub fn replica_of(primary: &Self, name: &str) -> Result<Self> {
        let place = format!("127.0.0.1 {}", primary.port());
        let replica = Self::valkey(name, &[("replicaof", &place)])?;
        replica.wait_until_linked()?;
        Ok(replica)
    }

    /// Starts a server that keeps its claim: `extra` settings stand behind the ones that do.
    pub(super) fn server(program: &Path, name: &str, port: u16, extra: &[(&str, &str)]) -> Result<Self> {
        let node = Self::prepare(program, name, port, false)?;
        let rights = rights(program)?;
        fs::write(node.dir.join("acl.conf"), rights)?;
        let acl = format!("\"{}\"", node.dir.join("acl.conf").display());
        let keeping = [
            ("aclfile", acl.as_str()),
            ("masteruser", OPERATOR),
            ("masterauth", PASSWORD),
            ("save", "\"\""),
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("maxmemory-policy", "noeviction"),
            ("repl-diskless-sync-delay", "0"),
        ];
        node.start(&[&keeping[..], extra].concat())
    }

    /// Starts a sentinel.
    pub(super) fn sentinel(program: &Path, name: &str, port: u16, settings: &[(&str, &str)]) -> Result<Self> {
        Self::prepare(program, name, port, true)?.start(settings)
    }

    fn prepare(program: &Path, name: &str, port: u16, sentinel: bool) -> Result<Self> {
        let dir = services_dir().join("redis").join(format!("{name}-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self { program: program.into(), sentinel, process: None, port, dir })
    }

    fn start(mut self, settings: &[(&str, &str)]) -> Result<Self> {
        let dir = format!("\"{}\"", self.dir.display());
        let port = self.port.to_string();
        let place = [("bind", "127.0.0.1"), ("port", port.as_str()), ("dir", dir.as_str())];
        // Of a setting that is given twice the server takes the last.
        let lines = place.iter().chain(settings).map(|(name, value)| format!("{name} {value}\n"));
        fs::write(self.dir.join("redis.conf"), lines.collect::<String>())?;
        self.restart()?;
        Ok(self)
    }

    /// Starts it again on the same port and data.
    ///
    /// # Errors
    /// When it does not come up within 30 s.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let mut command = Command::new(&self.program);
        command.arg(self.dir.join("redis.conf")).args(self.sentinel.then_some("--sentinel"));
        self.process = Some(ServerProcess::spawn("redis", &self.dir, command)?);
        for _ in 0..START_LIMIT {
            // A server that loads its data answers with an error.
            if self.run(&["PING"]).is_ok() {
                return Ok(());
            }
            let process = self.process.as_mut().context("it was started")?;
            if !process.is_running() {
                bail!("redis left at once, see {}", process.log().display());
            }
            pause(POLL);
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

    /// Runs one command with all rights.
    ///
    /// # Errors
    /// When the server refuses it or does not answer within 2 s.
    pub fn run(&self, words: &[&str]) -> Result<Value> {
        let login = if self.sentinel { String::new() } else { format!("{OPERATOR}:{PASSWORD}@") };
        let client = Client::open(format!("redis://{login}127.0.0.1:{}", self.port))?;
        let mut connection = client.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        let (name, arguments) = words.split_first().context("no command")?;
        Ok(cmd(name).arg(arguments).query(&mut connection)?)
    }

    /// As [`RedisNode::run`], for an answer that is text.
    ///
    /// # Errors
    /// As [`RedisNode::run`].
    pub fn text(&self, words: &[&str]) -> Result<String> {
        Ok(redis::from_redis_value(self.run(words)?)?)
    }

    /// Waits until this replica has what its primary has.
    ///
    /// # Errors
    /// When it is not linked within two minutes.
    pub fn wait_until_linked(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            // One that is being turned into a replica drops connections.
            let info = self.text(&["INFO", "replication"]).unwrap_or_else(|error| error.to_string());
            if info.contains("master_link_status:up") {
                return Ok(());
            }
            if start.elapsed() > LINK_LIMIT {
                bail!("the server on port {} is no linked replica:\n{info}", self.port);
            }
            pause(POLL);
        }
    }

    /// The user of least rights at this server.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The user of least rights at another port.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://{USER}:{PASSWORD}@127.0.0.1:{port}")
    }
}

impl Drop for RedisNode {
    fn drop(&mut self) {
        self.process = None;
        // A directory that stays costs disk, nothing else.
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The user of least rights in place of a host, for the name that sentinels watch.
pub(super) fn url_of(name: &str) -> String {
    format!("redis://{USER}:{PASSWORD}@{name}")
}

/// The file of users: the one that operators get, and one with all rights.
fn rights(program: &Path) -> Result<String> {
    let rights = fs::read_to_string(repository_root().join(RIGHTS)).context(RIGHTS)?;
    let mut rights = rights.replace("CHANGE-ME", PASSWORD);
    // Redis 7.0 does not know it, and takes no file with what it does not know.
    if program.ends_with("valkey-server") {
        rights = rights.replace("+wait ", "+wait +waitaof ");
    }
    Ok(format!("{rights}user {OPERATOR} on >{PASSWORD} ~* &* +@all\n"))
}
