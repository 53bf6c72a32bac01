//! The properties file of one Kafka node.

use std::path::Path;

/// What one node's properties file is made of.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// `node.id`, from 1.
    pub id: u32,
    /// Port of the PLAINTEXT listener on 127.0.0.1.
    pub port: u16,
    /// Every node's (id, controller port) of the cluster, this one included.
    pub voters: Vec<(u32, u16)>,
    /// A second listener, for clients behind a proxy.
    pub proxied: Option<ProxiedListener>,
    /// Lines that add to or override the defaults.
    pub extra: Vec<(String, String)>,
}

/// A listener whose clients are told to come through a proxy. Brokers talk to each other past it, so that markers and
/// replication never pass the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxiedListener {
    /// Port on 127.0.0.1 that the proxy connects to.
    pub port: u16,
    /// The proxy's port, which is what metadata says to clients of this listener.
    pub advertised_port: u16,
}

impl NodeConfig {
    /// The text of `server.properties`, with data under `data`.
    #[must_use]
    pub fn properties(&self, data: &Path) -> String {
        let mut lines = self.defaults(data);
        for (key, value) in &self.extra {
            lines.retain(|(known, _)| known != key);
            lines.push((key.clone(), value.clone()));
        }
        lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    fn defaults(&self, data: &Path) -> Vec<(String, String)> {
        let nodes = self.voters.len();
        let replicas = nodes.min(3).to_string();
        // One node may be down and the cluster still takes writes.
        let in_sync = if nodes >= 3 { "2" } else { "1" };
        let voters: Vec<String> =
            self.voters.iter().map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
        let controller = self.voters.iter().find(|(id, _)| *id == self.id).map_or(0, |(_, port)| *port);
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{}", self.port);
        let mut advertised = listeners.clone();
        if let Some(proxied) = self.proxied {
            listeners.push_str(&format!(",PROXIED://127.0.0.1:{}", proxied.port));
            advertised.push_str(&format!(",PROXIED://127.0.0.1:{}", proxied.advertised_port));
        }
        let fixed = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", self.id.to_string()),
            ("controller.quorum.voters", voters.join(",")),
            ("listeners", format!("{listeners},CONTROLLER://127.0.0.1:{controller}")),
            ("advertised.listeners", advertised),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
            ),
            ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
            ("log.dirs", data.display().to_string()),
            ("default.replication.factor", replicas.clone()),
            ("min.insync.replicas", in_sync.to_owned()),
            ("offsets.topic.replication.factor", replicas.clone()),
            ("offsets.topic.num.partitions", "4".to_owned()),
            ("transaction.state.log.replication.factor", replicas.clone()),
            ("transaction.state.log.min.isr", in_sync.to_owned()),
            ("transaction.state.log.num.partitions", "4".to_owned()),
            ("share.coordinator.state.topic.replication.factor", replicas),
            ("share.coordinator.state.topic.min.isr", in_sync.to_owned()),
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
            // Suites about lost workers would else wait 6 s for each.
            ("group.min.session.timeout.ms", "1000".to_owned()),
            ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000".to_owned()),
            ("auto.create.topics.enable", "false".to_owned()),
            // The default of 128 MB would take a quarter of a small heap.
            ("log.cleaner.dedupe.buffer.size", "4194304".to_owned()),
        ];
        fixed.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{NodeConfig, ProxiedListener};

    fn config(nodes: u32) -> NodeConfig {
        NodeConfig {
            id: 1,
            port: 19_092,
            voters: (1..=nodes).map(|id| (id, 19_092 + u16::try_from(id).expect("small"))).collect(),
            proxied: None,
            extra: Vec::new(),
        }
    }

    #[test]
    fn properties_extra_line_replaces_the_default() {
        let mut config = config(1);
        config.extra.push(("group.initial.rebalance.delay.ms".into(), "3000".into()));
        let text = config.properties(Path::new("/data"));
        assert!(text.contains("group.initial.rebalance.delay.ms=3000\n"));
        assert_eq!(text.matches("group.initial.rebalance.delay.ms=").count(), 1);
    }

    #[test]
    fn properties_three_nodes_survive_one_loss() {
        let text = config(3).properties(Path::new("/data"));
        assert!(
            text.contains("controller.quorum.voters=1@127.0.0.1:19093,2@127.0.0.1:19094,3@127.0.0.1:19095\n")
        );
        assert!(text.contains("default.replication.factor=3\n"));
        assert!(text.contains("min.insync.replicas=2\n"));
        assert!(text.contains("transaction.state.log.min.isr=2\n"));
    }

    #[test]
    fn properties_listen_on_loopback_only() {
        let text = config(1).properties(Path::new("/data"));
        assert!(text.contains("listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093\n"));
        assert!(!text.contains("0.0.0.0"));
    }

    #[test]
    fn properties_proxied_listener_is_advertised_at_the_proxy_and_brokers_keep_the_direct_one() {
        let mut config = config(1);
        config.proxied = Some(ProxiedListener { port: 19_200, advertised_port: 19_300 });
        let text = config.properties(Path::new("/data"));
        let listeners = "PLAINTEXT://127.0.0.1:19092,PROXIED://127.0.0.1:19200,CONTROLLER://127.0.0.1:19093";
        assert!(text.contains(&format!("\nlisteners={listeners}\n")), "{text}");
        let advertised = "PLAINTEXT://127.0.0.1:19092,PROXIED://127.0.0.1:19300";
        assert!(text.contains(&format!("advertised.listeners={advertised}\n")), "{text}");
        assert!(text.contains("inter.broker.listener.name=PLAINTEXT\n"));
    }
}
