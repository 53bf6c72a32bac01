//! One Kafka broker and controller in one JVM.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::kafka_config::{NodeConfig, ProxiedListener};
use super::kafka_install::KafkaInstall;
use super::process::{ServerProcess, Signal, pause, running_pid, stop_by_pid_file};

const POLL: Duration = Duration::from_millis(50);
/// A cold JVM on a busy 2-core machine takes 4-15 s; this is where we stop believing.
const START_LIMIT: Duration = Duration::from_secs(120);

/// One Kafka node: a directory (`server.properties`, `data`, `server.log`, `server.pid`) and the process that runs on
/// it. Dropping it kills the process; data stays until the cluster's directory is removed.
#[derive(Debug)]
pub struct KafkaNode {
    install: KafkaInstall,
    config: NodeConfig,
    dir: PathBuf,
    heap_mib: u32,
    process: Option<ServerProcess>,
}

impl KafkaNode {
    /// Writes the node's files and formats its storage unless that was done before. Does not start it.
    ///
    /// # Errors
    /// When the files cannot be written or Kafka's storage tool refuses.
    pub fn prepare(
        install: &KafkaInstall,
        dir: &Path,
        config: NodeConfig,
        format: &Format<'_>,
        heap_mib: u32,
    ) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let data = dir.join("data");
        let properties = dir.join("server.properties");
        fs::write(&properties, config.properties(&data))
            .with_context(|| format!("cannot write {}", properties.display()))?;
        if !data.join("meta.properties").exists() {
            format.run(install, &properties)?;
        }
        Ok(Self { install: install.clone(), config, dir: dir.to_path_buf(), heap_mib, process: None })
    }

    /// Starts the JVM; returns before the broker answers, see [`KafkaNode::await_ready`].
    ///
    /// # Errors
    /// When it already runs, also as a leftover of another owner, or `java` cannot be started.
    pub fn spawn(&mut self) -> Result<()> {
        if let Some(pid) = running_pid(&self.dir.join("server.pid"), &self.marker()) {
            bail!("kafka node {} already runs in {} as process {pid}", self.config.id, self.dir.display());
        }
        let mut command = self.install.java(self.heap_mib, "kafka.Kafka");
        command.arg(self.dir.join("server.properties")).current_dir(&self.dir);
        self.process =
            Some(ServerProcess::spawn(&format!("kafka node {}", self.config.id), &self.dir, command)?);
        Ok(())
    }

    /// Waits until the broker accepts connections and answers ApiVersions and Metadata.
    ///
    /// # Errors
    /// When the process leaves or nothing answers within two minutes; the message ends with the last lines of the log.
    pub fn await_ready(&mut self) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.config.port));
        let mut waited = Duration::ZERO;
        while TcpStream::connect_timeout(&address, POLL).is_err() || !self.answers() {
            let runs = self.process.as_mut().is_some_and(ServerProcess::is_running);
            if !runs || waited > START_LIMIT {
                let why = if runs { "does not answer" } else { "left" };
                bail!("kafka node {} {why}; the end of its log:\n{}", self.config.id, self.log_tail());
            }
            pause(POLL);
            waited += POLL;
        }
        Ok(())
    }

    /// Starts the JVM and waits until it answers.
    ///
    /// # Errors
    /// As [`KafkaNode::spawn`] and [`KafkaNode::await_ready`].
    pub fn start(&mut self) -> Result<()> {
        self.spawn()?;
        self.await_ready()
    }

    /// SIGTERM (a controlled shutdown), SIGKILL after 20 s.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop())
    }

    /// kill -9: no shutdown, no flush.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// SIGSTOP: the process holds its connections and answers nothing.
    ///
    /// # Errors
    /// When the node does not run.
    pub fn pause(&self) -> Result<()> {
        self.owned()?.pause()
    }

    /// SIGCONT after [`KafkaNode::pause`].
    ///
    /// # Errors
    /// When the node does not run.
    pub fn resume(&self) -> Result<()> {
        self.owned()?.signal(Signal::CONT)
    }

    /// [`KafkaNode::stop`], then [`KafkaNode::start`] on the same ports and data.
    ///
    /// # Errors
    /// As those two.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// `host:port` that clients bootstrap from.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.config.port)
    }

    /// The listener for a proxy, where the node has one.
    #[must_use]
    pub fn proxied(&self) -> Option<ProxiedListener> {
        self.config.proxied
    }

    /// `node.id`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.config.id
    }

    /// The pid, if this owner or an earlier one runs the node.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        running_pid(&self.dir.join("server.pid"), &self.marker())
    }

    /// The node's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Leaves the process running when the owner goes; [`KafkaNode::stop_leftover`] ends it later.
    pub fn leave_running(&mut self) {
        if let Some(process) = self.process.take() {
            process.leave_running();
        }
    }

    /// Stops a node that an earlier owner left running in `dir`. Says whether one was.
    ///
    /// # Errors
    /// When it does not leave.
    pub fn stop_leftover(dir: &Path) -> Result<bool> {
        stop_by_pid_file(&dir.join("server.pid"), &marker(dir))
    }

    /// The pid of a node that an earlier owner left running in `dir`.
    #[must_use]
    pub fn leftover_pid(dir: &Path) -> Option<u32> {
        running_pid(&dir.join("server.pid"), &marker(dir))
    }

    fn owned(&self) -> Result<&ServerProcess> {
        self.process.as_ref().with_context(|| format!("kafka node {} is not running", self.config.id))
    }

    fn marker(&self) -> String {
        marker(&self.dir)
    }

    fn answers(&self) -> bool {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", format!("127.0.0.1:{}", self.config.port)).set("log_level", "0");
        let consumer: Result<BaseConsumer, _> = config.create();
        consumer.is_ok_and(|consumer| {
            consumer.fetch_metadata(None, Duration::from_secs(2)).is_ok_and(|metadata| {
                metadata.brokers().iter().any(|broker| u32::try_from(broker.id()) == Ok(self.config.id))
            })
        })
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.dir.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(15)).copied().collect::<Vec<_>>().join("\n")
    }
}

/// How a node's storage is formatted.
#[derive(Debug, Clone, Copy)]
pub struct Format<'a> {
    /// The cluster id, 22 characters of URL-safe base64.
    pub cluster_id: &'a str,
    /// `transaction.version`: 2 (KIP-890, the default of Kafka 4) or 0 (the protocol before it).
    pub transaction_version: u16,
}

impl Format<'_> {
    fn run(&self, install: &KafkaInstall, properties: &Path) -> Result<()> {
        let mut command: Command = install.java(256, "kafka.tools.StorageTool");
        let output = command
            .args(["format", "-t", self.cluster_id, "-c"])
            .arg(properties)
            .args(["--feature", &format!("transaction.version={}", self.transaction_version)])
            .stdin(Stdio::null())
            .output()
            .context("cannot start java")?;
        if !output.status.success() {
            bail!(
                "cannot format {}:\n{}{}",
                properties.display(),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

/// What a node's command line holds and no other process's does.
fn marker(dir: &Path) -> String {
    dir.join("server.properties").display().to_string()
}
