//! A Valkey cluster on loopback.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::port::free_ports;
use super::process::pause;
use super::redis_node::RedisNode;
use super::valkey;

const SLOTS: u16 = 16384;
const POLL: Duration = Duration::from_millis(50);
/// Joining takes a second, and several on a machine that is busy.
const START_LIMIT: u32 = 1200;

/// Primaries that share the slots, and a replica for each where they were asked for.
#[derive(Debug)]
pub struct RedisCluster {
    /// Primaries in the order of their slots, then their replicas in the same order.
    pub nodes: Vec<RedisNode>,
    primaries: u16,
}

impl RedisCluster {
    /// Installs Valkey if need be, starts `primaries` servers, as many replicas where `replicated`, and waits until
    /// each says that the cluster is whole.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn start(name: &str, primaries: u16, replicated: bool) -> Result<Self> {
        let program = valkey::program()?;
        let count = if replicated { primaries * 2 } else { primaries };
        let mut nodes = Vec::new();
        for number in 0..count {
            let ports = free_ports(2)?;
            let [port, bus] = ports[..] else { bail!("no ports") };
            let bus = bus.to_string();
            let settings = [
                ("cluster-enabled", "yes"),
                ("cluster-port", bus.as_str()),
                ("cluster-node-timeout", "2000"),
                ("cluster-replica-validity-factor", "0"),
            ];
            nodes.push((RedisNode::server(&program, &format!("{name}-{number}"), port, &settings)?, bus));
        }
        for (number, (node, _)) in nodes.iter().enumerate() {
            let number = u16::try_from(number)?;
            // Told apart from the start, they need not agree on who is who first.
            node.run(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            if number < primaries {
                let share = SLOTS / primaries;
                let last = if number + 1 == primaries { SLOTS - 1 } else { (number + 1) * share - 1 };
                node.run(&["CLUSTER", "ADDSLOTSRANGE", &(number * share).to_string(), &last.to_string()])?;
            }
        }
        let (first, others) = nodes.split_first().context("no servers")?;
        for (node, bus) in others {
            first.0.run(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string(), bus])?;
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect(), primaries };
        cluster.wait_until_whole(count)?;
        if replicated {
            cluster.replicate()?;
        }
        Ok(cluster)
    }

    /// The URL of each server.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisNode::url).collect()
    }

    /// What the servers call a server.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn id(&self, node: usize) -> Result<String> {
        self.nodes.get(node).context("no such server")?.text(&["CLUSTER", "MYID"])
    }

    fn replicate(&self) -> Result<()> {
        let primaries = usize::from(self.primaries);
        for (number, replica) in self.nodes.iter().skip(primaries).enumerate() {
            replica.run(&["CLUSTER", "REPLICATE", &self.id(number)?])?;
            replica.wait_until_linked()?;
        }
        Ok(())
    }

    fn wait_until_whole(&self, count: u16) -> Result<()> {
        let known = format!("cluster_known_nodes:{count}");
        for node in &self.nodes {
            let mut whole = false;
            for _ in 0..START_LIMIT {
                let info = node.text(&["CLUSTER", "INFO"])?;
                whole =
                    info.contains("cluster_state:ok") && info.lines().any(|line| line.trim_end() == known);
                if whole {
                    break;
                }
                pause(POLL);
            }
            if !whole {
                bail!("the cluster is not whole for the server on port {}", node.port());
            }
        }
        Ok(())
    }
}
