//! Nodes that an earlier owner left running.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::KafkaCluster;
use crate::services::kafka_node::KafkaNode;

impl KafkaCluster {
    /// Stops what an earlier owner left running under `dir` (a cluster's directory); returns how many nodes were.
    ///
    /// # Errors
    /// When one does not leave.
    pub fn stop_leftover(dir: &Path) -> Result<usize> {
        let mut stopped = 0;
        for node in node_dirs(dir)? {
            stopped += usize::from(KafkaNode::stop_leftover(&node)?);
        }
        Ok(stopped)
    }

    /// The pids of nodes that an earlier owner left running under `dir`, with their directories.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn leftovers(dir: &Path) -> Result<Vec<(PathBuf, u32)>> {
        let nodes = node_dirs(dir)?;
        Ok(nodes
            .into_iter()
            .filter_map(|node| KafkaNode::leftover_pid(&node).map(|pid| (node, pid)))
            .collect())
    }
}

fn node_dirs(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut nodes = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    nodes.retain(|path| path.join("server.properties").is_file());
    nodes.sort();
    Ok(nodes)
}
