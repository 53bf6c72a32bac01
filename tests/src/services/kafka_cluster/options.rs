//! How a cluster is laid out.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::services::location::services_dir;
use crate::services::port::free_ports;

/// Which ports the nodes listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Whatever is free: for tests, so that several clusters live side by side.
    Free,
    /// Node n takes `base + 10 * (n - 1)` for clients and one more for the controller.
    From(u16),
}

/// How much memory a node's JVM may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footprint {
    /// `-Xmx384m`: one of many nodes.
    Tiny,
    /// `-Xmx512m`: functional suites.
    Small,
    /// `-Xmx1g`: load and benches.
    Normal,
}

impl Footprint {
    pub(super) const fn heap_mib(self) -> u32 {
        match self {
            Self::Tiny => 384,
            Self::Small => 512,
            Self::Normal => 1024,
        }
    }
}

/// How a cluster is laid out.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Names the directory and, in logs, the cluster.
    pub name: String,
    /// 1 or 3.
    pub nodes: u32,
    /// Client and controller ports.
    pub ports: Ports,
    /// JVM size.
    pub footprint: Footprint,
    /// 2, or 0 for the transaction protocol before KIP-890. Only read when storage is formatted.
    pub transaction_version: u16,
    /// Broker properties that add to or override the defaults.
    pub extra: Vec<(String, String)>,
    /// Ports of proxies, one per node: each node gets a second listener whose clients are sent there.
    pub proxies: Vec<u16>,
    /// Parent of the cluster's directory; `None` is `<services>/clusters`.
    pub parent: Option<PathBuf>,
    /// Remove the directory when the cluster is dropped.
    pub temporary: bool,
}

impl ClusterOptions {
    /// A single node on free ports with a small heap, whose directory goes when the cluster does. The directory's
    /// name holds the process id, so that test binaries never share one.
    #[must_use]
    pub fn for_test(name: &str) -> Self {
        Self {
            name: format!("{name}-{}", std::process::id()),
            nodes: 1,
            ports: Ports::Free,
            footprint: Footprint::Small,
            transaction_version: 2,
            extra: Vec::new(),
            proxies: Vec::new(),
            parent: None,
            temporary: true,
        }
    }

    /// A single node on given ports with a normal heap, kept on disk: what `xtask services up` runs.
    #[must_use]
    pub fn lasting(name: &str, port: u16) -> Self {
        Self {
            ports: Ports::From(port),
            name: name.to_owned(),
            footprint: Footprint::Normal,
            temporary: false,
            ..Self::for_test(name)
        }
    }

    /// With `nodes` nodes (1 or 3).
    #[must_use]
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// With another size of the JVM.
    #[must_use]
    pub fn footprint(mut self, footprint: Footprint) -> Self {
        self.footprint = footprint;
        self
    }

    /// With a feature level of `transaction.version`.
    #[must_use]
    pub fn transaction_version(mut self, version: u16) -> Self {
        self.transaction_version = version;
        self
    }

    /// With one more broker property.
    #[must_use]
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.extra.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With proxies that listen on these ports, one per node; [`KafkaNode::proxied`](crate::services::KafkaNode::proxied) says where they connect to.
    #[must_use]
    pub fn behind(mut self, proxies: &[u16]) -> Self {
        self.proxies = proxies.to_vec();
        self
    }

    /// The directory that holds the nodes' directories.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.parent.clone().unwrap_or_else(|| services_dir().join("clusters")).join(&self.name)
    }

    pub(super) fn node_ports(&self) -> Result<Vec<(u16, u16)>> {
        match self.ports {
            Ports::Free => {
                let free = free_ports(usize::try_from(self.nodes)? * 2)?;
                Ok(free.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect())
            }
            Ports::From(base) => (0..self.nodes)
                .map(|node| {
                    let port = u16::try_from(u32::from(base) + 10 * node)?;
                    Ok((port, port.checked_add(1).context("port beyond 65535")?))
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterOptions, Ports};

    #[test]
    fn lasting_cluster_takes_the_given_ports() {
        let options = ClusterOptions::lasting("a", 19_092);
        assert_eq!(options.ports, Ports::From(19_092));
        assert_eq!(options.node_ports().expect("ports"), [(19_092, 19_093)]);
        assert_eq!(options.nodes(3).node_ports().expect("ports").last(), Some(&(19_112, 19_113)));
    }
}
