//! A Valkey cluster on loopback.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::certificates::Authority;
use super::port::free_ports;
use super::prerequisites::{Prerequisite, ensure};
use super::process::pause;
use super::redis_node::RedisNode;
use super::valkey::valkey_program;

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
    /// Where each takes encrypted connections, if it does.
    encrypted: Vec<u16>,
}

impl RedisCluster {
    /// Installs Valkey if need be, starts `primaries` servers, as many replicas where `replicated`, and waits until
    /// each says that the cluster is whole.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn start(name: &str, primaries: u16, replicated: bool) -> Result<Self> {
        Self::of(&valkey_program()?, name, primaries, replicated, None)
    }

    /// Debian's Redis, whose servers talk to each other and to clients encrypted; the testkit alone uses plain ports. No
    /// replicas.
    ///
    /// # Errors
    /// As [`RedisCluster::start`].
    pub fn encrypted(name: &str, primaries: u16, authority: &Authority) -> Result<Self> {
        ensure(&[Prerequisite::Redis])?;
        Self::of(Path::new("redis-server"), name, primaries, false, Some(authority))
    }

    fn of(
        program: &Path,
        name: &str,
        primaries: u16,
        replicated: bool,
        authority: Option<&Authority>,
    ) -> Result<Self> {
        let count = if replicated { primaries * 2 } else { primaries };
        let (mut nodes, mut encrypted) = (Vec::new(), Vec::new());
        for number in 0..count {
            let ports = free_ports(3)?;
            let [port, bus, tls] = ports[..] else { bail!("no ports") };
            let mut settings = vec![
                ("cluster-enabled", "yes".to_owned()),
                ("cluster-port", bus.to_string()),
                ("cluster-node-timeout", "2000".to_owned()),
                ("cluster-replica-validity-factor", "0".to_owned()),
            ];
            if let Some(authority) = authority {
                settings.extend(encryption(authority, tls)?);
                encrypted.push(tls);
            }
            let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let node = RedisNode::server(program, &format!("{name}-{number}"), port, &settings)?;
            nodes.push((node, if authority.is_some() { tls } else { port }, bus.to_string()));
        }
        for (number, (node, ..)) in nodes.iter().enumerate() {
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
        for (_, port, bus) in others {
            first.0.run(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string(), bus])?;
        }
        let nodes = nodes.into_iter().map(|(node, ..)| node).collect();
        let cluster = Self { nodes, primaries, encrypted };
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

    /// The encrypted URL of each server, where there is one.
    #[must_use]
    pub fn encrypted_urls(&self) -> Vec<String> {
        self.encrypted.iter().map(|port| RedisNode::url_at(*port).replace("redis://", "rediss://")).collect()
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

/// Settings of a server that shows a certificate of this authority on `port`, to clients and to the other servers.
fn encryption(authority: &Authority, port: u16) -> Result<Vec<(&'static str, String)>> {
    let (certificate, key) = authority.sign(&format!("server-{port}"), "IP:127.0.0.1")?;
    let text = |path: &Path| path.display().to_string();
    Ok(vec![
        ("tls-port", port.to_string()),
        ("tls-cluster", "yes".to_owned()),
        ("tls-cert-file", text(&certificate)),
        ("tls-key-file", text(&key)),
        ("tls-ca-cert-file", text(&authority.file())),
        ("tls-auth-clients", "optional".to_owned()),
    ])
}
