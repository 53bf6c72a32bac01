//! A Kafka cluster of one or three nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::kafka_config::{NodeConfig, ProxiedListener};
use super::kafka_install::KafkaInstall;
use super::kafka_node::{Format, KafkaNode};
use super::location::services_dir;
use super::port::free_ports;
use super::process::pause;

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
    const fn heap_mib(self) -> u32 {
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

    /// With proxies that listen on these ports, one per node; [`KafkaNode::proxied`] says where they connect to.
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

    fn node_ports(&self) -> Result<Vec<(u16, u16)>> {
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

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        self.nodes.clear();
        if self.temporary {
            // A directory that stays costs disk, nothing else; the next `services down --wipe` removes it.
            drop(fs::remove_dir_all(&self.dir));
        }
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

/// A cluster id that differs between clusters: 22 characters of URL-safe base64 that decode to 16 bytes, as Kafka
/// demands, made from the name and the moment so that a cluster formatted anew is a new cluster.
fn cluster_id(name: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits =
        (u128::from(RandomState::new().hash_one(name)) << 64) | u128::from(RandomState::new().hash_one(name));
    let mut text: String = (0..21)
        .map(|at| {
            let index = usize::try_from((bits >> (at * 6)) & 63).unwrap_or_default();
            char::from(ALPHABET.get(index).copied().unwrap_or(b'A'))
        })
        .collect();
    // The last character carries two bits: only these four are canonical; a leading dash looks like an option.
    text.push(if bits >> 126 & 1 == 0 { 'A' } else { 'Q' });
    text.replace_range(0..1, "v");
    text
}

#[cfg(test)]
mod tests {
    use super::{ClusterOptions, Ports, cluster_id};

    #[test]
    fn cluster_ids_differ_and_have_kafkas_shape() {
        let first = cluster_id("a");
        assert_eq!(first.len(), 22);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_ne!(first, cluster_id("a"));
    }

    #[test]
    fn lasting_cluster_takes_the_given_ports() {
        let options = ClusterOptions::lasting("a", 19_092);
        assert_eq!(options.ports, Ports::From(19_092));
        assert_eq!(options.node_ports().expect("ports"), [(19_092, 19_093)]);
        assert_eq!(options.nodes(3).node_ports().expect("ports").last(), Some(&(19_112, 19_113)));
    }
}
