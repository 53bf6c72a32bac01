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
    /// Port that clients are told to connect to, where a proxy stands in front of the node.
    pub advertised_port: Option<u16>,
    /// Lines that add to or override the defaults.
    pub extra: Vec<(String, String)>,
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
        let advertised = self.advertised_port.unwrap_or(self.port);
        let fixed = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", self.id.to_string()),
            ("controller.quorum.voters", voters.join(",")),
            ("listeners", format!("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{controller}", self.port)),
            ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{advertised}")),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned()),
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

    use super::NodeConfig;

    fn config(nodes: u32) -> NodeConfig {
        NodeConfig {
            id: 1,
            port: 19_092,
            voters: (1..=nodes).map(|id| (id, 19_092 + u16::try_from(id).expect("small"))).collect(),
            advertised_port: None,
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
}
