//! `cargo xtask services up|down|status`: lasting servers for trials by hand and for benches.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, services_dir};

/// What `cargo xtask services` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start servers and leave them running; those that run already are left alone.
    Up(Up),
    /// Stop servers by their pid files.
    Down(Down),
    /// List what runs.
    Status,
}

#[derive(Debug, Args)]
struct Up {
    /// Which servers.
    #[arg(default_value = "kafka-pair")]
    services: Vec<Service>,
    /// Feature level of the transaction protocol: 2 (KIP-890) or 0 (before it). Read when storage is formatted,
    /// so it goes with --fresh.
    #[arg(long, default_value_t = 2)]
    transaction_version: u16,
    /// Nodes per cluster, 1 or 3.
    #[arg(long, default_value_t = 1)]
    nodes: u32,
    /// Remove the data of earlier runs first.
    #[arg(long)]
    fresh: bool,
}

#[derive(Debug, Args)]
struct Down {
    /// Which servers; all if none is named.
    services: Vec<Service>,
    /// Remove data and logs too.
    #[arg(long)]
    wipe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Service {
    /// One Kafka cluster "a" on 127.0.0.1:19092.
    Kafka,
    /// Two Kafka clusters: "a" on 127.0.0.1:19092 and "b" on 127.0.0.1:29092.
    KafkaPair,
}

impl Service {
    /// Name and first port of each cluster.
    const fn clusters(self) -> &'static [(&'static str, u16)] {
        match self {
            Self::Kafka => &[("a", 19_092)],
            Self::KafkaPair => &[("a", 19_092), ("b", 29_092)],
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When a server does not start or stop.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Up(up) => start(up),
        Action::Down(down) => stop(down),
        Action::Status => status(),
    }
}

fn start(up: &Up) -> Result<()> {
    if up.transaction_version > 2 {
        bail!("transaction.version is 0, 1 or 2, not {}", up.transaction_version);
    }
    let mut absent = Vec::new();
    for (name, port) in chosen(&up.services) {
        let options =
            ClusterOptions::lasting(name, port).nodes(up.nodes).transaction_version(up.transaction_version);
        if let Some((_, pid)) = KafkaCluster::leftovers(&options.dir())?.first() {
            println!("kafka {name}  127.0.0.1:{port}  runs already (pid {pid})");
            continue;
        }
        if up.fresh {
            remove(&options.dir())?;
        }
        absent.push(options);
    }
    for cluster in KafkaCluster::start_all(absent)? {
        for node in cluster.nodes() {
            let pid = node.pid().context("a node that was just ready has no pid")?;
            println!(
                "kafka {}  {}  up (pid {pid})  {}",
                cluster.name(),
                node.bootstrap(),
                node.dir().display()
            );
        }
        cluster.leave_running();
    }
    Ok(())
}

fn stop(down: &Down) -> Result<()> {
    let dirs = if down.services.is_empty() { all_clusters()? } else { named(&down.services) };
    for dir in dirs {
        let stopped = KafkaCluster::stop_leftover(&dir)?;
        if stopped > 0 {
            println!("kafka {}  stopped ({stopped} nodes)", name_of(&dir));
        }
        if down.wipe {
            remove(&dir)?;
        }
    }
    Ok(())
}

fn status() -> Result<()> {
    let mut running = 0;
    for dir in all_clusters()? {
        for (node, pid) in KafkaCluster::leftovers(&dir)? {
            running += 1;
            println!("kafka {}  pid {pid}  {}", name_of(&dir), node.display());
        }
    }
    if running == 0 {
        println!("nothing runs");
    }
    Ok(())
}

fn chosen(services: &[Service]) -> Vec<(&'static str, u16)> {
    let mut all: Vec<(&str, u16)> = services.iter().flat_map(|service| service.clusters()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn named(services: &[Service]) -> Vec<PathBuf> {
    chosen(services).into_iter().map(|(name, port)| ClusterOptions::lasting(name, port).dir()).collect()
}

fn all_clusters() -> Result<Vec<PathBuf>> {
    let parent = services_dir().join("clusters");
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&parent).with_context(|| format!("cannot list {}", parent.display()))?;
    let mut dirs = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    dirs.sort();
    Ok(dirs)
}

fn name_of(dir: &std::path::Path) -> String {
    dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn remove(dir: &std::path::Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Service, chosen};

    #[test]
    fn service_named_twice_is_started_once() {
        assert_eq!(chosen(&[Service::Kafka, Service::KafkaPair]), [("a", 19_092), ("b", 29_092)]);
    }
}
