//! A Kafka cluster of one or three nodes.

mod cluster_id;
mod leftover;
mod options;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{ClientConfig, TopicPartitionList};

use self::cluster_id::cluster_id;
pub use self::options::{ClusterOptions, Footprint, Ports};
use super::kafka_config::{NodeConfig, ProxiedListener};
use super::kafka_install::KafkaInstall;
use super::kafka_node::{Format, KafkaNode};
use super::port::free_ports;
use super::process::pause;

/// A running Kafka cluster. Dropping it kills its JVMs.
///
/// ```no_run
/// use velostream_testkit::services::{ClusterOptions, KafkaCluster};
///
/// let mut sink = KafkaCluster::start(ClusterOptions::for_test("sink").nodes(3))?;
/// sink.node_mut(2)?.kill()?;
/// sink.node_mut(2)?.start()?;
/// println!("{}", sink.bootstrap());
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Debug)]
pub struct KafkaCluster {
    name: String,
    nodes: Vec<KafkaNode>,
    dir: PathBuf,
    install: KafkaInstall,
    temporary: bool,
}

impl KafkaCluster {
    /// Installs Kafka if need be, formats, starts every node and waits until each answers and all know each other.
    ///
    /// # Errors
    /// When a prerequisite is missing, a port is taken or a node does not come up; nothing is left running.
    pub fn start(options: ClusterOptions) -> Result<Self> {
        let mut cluster = Self::prepare(options)?;
        // All first: with three nodes none becomes ready before two run.
        for node in &mut cluster.nodes {
            node.spawn()?;
        }
        cluster.await_ready()?;
        Ok(cluster)
    }

    /// Several clusters at once: their JVMs start side by side.
    ///
    /// # Errors
    /// As [`KafkaCluster::start`].
    pub fn start_all(options: Vec<ClusterOptions>) -> Result<Vec<Self>> {
        let mut clusters = options.into_iter().map(Self::prepare).collect::<Result<Vec<_>>>()?;
        for node in clusters.iter_mut().flat_map(|cluster| &mut cluster.nodes) {
            node.spawn()?;
        }
        for cluster in &mut clusters {
            cluster.await_ready()?;
        }
        Ok(clusters)
    }

    /// Writes every node's files and formats storage, without a start.
    ///
    /// # Errors
    /// When a prerequisite is missing or the storage tool refuses.
    pub fn prepare(options: ClusterOptions) -> Result<Self> {
        if options.nodes != 1 && options.nodes != 3 {
            bail!("a cluster has 1 or 3 nodes, not {}", options.nodes);
        }
        if !options.proxies.is_empty() && options.proxies.len() != usize::try_from(options.nodes)? {
            bail!("{} proxies for {} nodes", options.proxies.len(), options.nodes);
        }
        let install = KafkaInstall::ensure()?;
        let ports = options.node_ports()?;
        // The nodes' own ports are not bound yet, so that the kernel may offer them again.
        let taken = |port: &u16| ports.iter().any(|(node, controller)| [node, controller].contains(&port));
        let offered = free_ports(options.proxies.len() + 2 * ports.len())?;
        let behind: Vec<u16> = offered.into_iter().filter(|port| !taken(port)).collect();
        let mut proxied = behind
            .iter()
            .zip(&options.proxies)
            .map(|(port, proxy)| ProxiedListener { port: *port, advertised_port: *proxy });
        let voters: Vec<(u32, u16)> = (1..).zip(ports.iter().map(|(_, controller)| *controller)).collect();
        let dir = options.dir();
        let cluster_id = cluster_id(&options.name);
        let format = Format { cluster_id: &cluster_id, transaction_version: options.transaction_version };
        let nodes = (1..)
            .zip(&ports)
            .map(|(id, (port, _))| {
                let config = NodeConfig {
                    id,
                    port: *port,
                    voters: voters.clone(),
                    proxied: proxied.next(),
                    extra: options.extra.clone(),
                };
                let node_dir = dir.join(format!("node-{id}"));
                KafkaNode::prepare(&install, &node_dir, config, &format, options.footprint.heap_mib())
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { name: options.name, nodes, dir, install, temporary: options.temporary })
    }

    /// Waits until every node answers and the metadata names all of them.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn await_ready(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            node.await_ready()?;
        }
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.bootstrap()).set("log_level", "0").create()?;
        for _ in 0..600 {
            let seen =
                consumer.fetch_metadata(None, Duration::from_secs(5)).map_or(0, |all| all.brokers().len());
            if seen == self.nodes.len() {
                return Ok(());
            }
            pause(Duration::from_millis(100));
        }
        bail!("the {} nodes of cluster {} do not find each other", self.nodes.len(), self.name)
    }

    /// Makes the cluster create its internal topics and load both kinds of coordinator, which a fresh cluster does at
    /// the first request only, refusing it meanwhile: for suites about something else.
    ///
    /// # Errors
    /// When a coordinator does not answer within a minute.
    pub fn await_coordinators(&self) -> Result<()> {
        let limit = Duration::from_secs(60);
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("transactional.id", "await-coordinators")
            .create()?;
        producer.init_transactions(limit).context("no transaction coordinator")?;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("group.id", "await-coordinators")
            .create()?;
        let mut any = TopicPartitionList::new();
        any.add_partition("await-coordinators", 0);
        // Unlike the producer, librdkafka's consumer hands out the refusals of a coordinator that is loading.
        for _ in 0..600 {
            if consumer.committed_offsets(any.clone(), limit).is_ok() {
                return Ok(());
            }
            pause(Duration::from_millis(100));
        }
        bail!("cluster {} has no group coordinator", self.name)
    }

    /// Comma-separated `host:port` of every node.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.nodes.iter().map(KafkaNode::bootstrap).collect::<Vec<_>>().join(",")
    }

    /// Comma-separated `host:port` of the proxies in front of the nodes; empty without any.
    #[must_use]
    pub fn proxied_bootstrap(&self) -> String {
        let proxied = self.nodes.iter().filter_map(KafkaNode::proxied);
        proxied.map(|one| format!("127.0.0.1:{}", one.advertised_port)).collect::<Vec<_>>().join(",")
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes, by id from 1.
    #[must_use]
    pub fn nodes(&self) -> &[KafkaNode] {
        &self.nodes
    }

    /// The node with `node.id` = `id`, to kill, pause or restart.
    ///
    /// # Errors
    /// When there is none.
    pub fn node_mut(&mut self, id: u32) -> Result<&mut KafkaNode> {
        let name = &self.name;
        self.nodes
            .iter_mut()
            .find(|node| node.id() == id)
            .with_context(|| format!("cluster {name} has no node {id}"))
    }

    /// The jars, to run one of Kafka's own tools.
    #[must_use]
    pub fn install(&self) -> &KafkaInstall {
        &self.install
    }

    /// Stops every node in order.
    ///
    /// # Errors
    /// When one does not leave.
    pub fn stop(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(KafkaNode::stop)
    }

    /// Leaves the nodes running when the owner goes; [`KafkaCluster::stop_leftover`] ends them later.
    pub fn leave_running(mut self) {
        self.temporary = false;
        self.nodes.iter_mut().for_each(KafkaNode::leave_running);
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        self.nodes.clear();
        if self.temporary {
            // A directory that stays costs disk, nothing else; the next `services down --wipe` removes it.
            drop(fs::remove_dir_all(&self.dir));
        }
    }
}
