//! Which cores a process may use.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use velostream_testkit::services::{KafkaCluster, KafkaNode};

/// The last core for the sink's broker; the source's, this process and what it starts get the others.
///
/// # Errors
/// Where there is one core only, or taskset is missing.
pub(super) fn give_a_core(sink: &KafkaCluster, source: &KafkaCluster) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores > 1, "there is one core only");
    let (others, own) = (format!("0-{}", cores - 2), (cores - 1).to_string());
    let pids = |cluster: &KafkaCluster| cluster.nodes().iter().filter_map(KafkaNode::pid).collect::<Vec<_>>();
    for pid in pids(sink) {
        pin(pid, &own)?;
    }
    for pid in pids(source).into_iter().chain([std::process::id()]) {
        pin(pid, &others)?;
    }
    Ok(())
}

/// All threads of a process, and those that they will start.
fn pin(pid: u32, cores: &str) -> Result<()> {
    let pinned = Command::new("taskset").args(["-acp", cores, &pid.to_string()]).output();
    let pinned = pinned.context("cannot start taskset (package util-linux)")?;
    ensure!(pinned.status.success(), "taskset: {}", String::from_utf8_lossy(&pinned.stderr));
    Ok(())
}
