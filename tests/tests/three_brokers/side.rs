//! A cluster of three brokers: who leads what, and taking brokers away.

use anyhow::{Context as _, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use velostream_testkit::nemesis::{PATIENCE, until};
use velostream_testkit::services::{KafkaCluster, KafkaNode, KafkaTool};

/// Waits for what takes brokers several tries on a busy machine: longer than [`until`] does.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> Result<()> {
    until(&mut condition).or_else(|_| until(&mut condition)).or_else(|_| until(&mut condition))
}

pub(crate) struct Side {
    cluster: KafkaCluster,
}

impl Side {
    pub(crate) const fn new(cluster: KafkaCluster) -> Self {
        Self { cluster }
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.cluster.bootstrap()
    }

    /// Bootstrap servers without one that may not answer.
    pub(crate) fn others(&self, victim: u32) -> String {
        let others = self.cluster.nodes().iter().filter(|node| node.id() != victim);
        others.map(KafkaNode::bootstrap).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn node(&mut self, id: u32) -> Result<&mut KafkaNode> {
        self.cluster.node_mut(id)
    }

    pub(crate) fn heal(&mut self) -> Result<()> {
        for id in 1..=3 {
            let node = self.cluster.node_mut(id)?;
            if node.pid().is_none() {
                node.start()?;
            }
            node.resume()?;
        }
        self.await_in_sync()
    }

    /// Waits until every partition of the cluster has all its replicas in sync.
    pub(crate) fn await_in_sync(&self) -> Result<()> {
        let bootstrap = self.bootstrap();
        eventually(|| {
            partitions(&bootstrap, None)
                .is_ok_and(|all| all.iter().all(|one| one.leader > 0 && one.in_sync.len() == one.replicas))
        })
        .context("replicas do not come to be in sync")
    }

    /// The leader of a partition.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Result<u32> {
        let all = partitions(&self.bootstrap(), Some(topic))?;
        let found = all.iter().find(|one| one.partition == partition).context("no such partition")?;
        Ok(u32::try_from(found.leader)?)
    }

    /// Waits until a partition is led by `leader` and exactly `in_sync` are in sync, as everybody but `victim` says.
    pub(crate) fn await_state(&self, topic: &str, victim: u32, leader: i32, in_sync: &[i32]) -> Result<()> {
        let bootstrap = self.others(victim);
        eventually(|| {
            partitions(&bootstrap, Some(topic)).is_ok_and(|all| {
                !all.is_empty() && all.iter().all(|one| one.leader == leader && one.in_sync == in_sync)
            })
        })
        .with_context(|| format!("{topic} is not led by {leader} with {in_sync:?} in sync"))
    }

    /// Waits until nothing is led by `victim` any more, as the others say.
    pub(crate) fn await_replaced(&self, victim: u32) -> Result<()> {
        let (bootstrap, id) = (self.others(victim), i32::try_from(victim)?);
        eventually(|| {
            partitions(&bootstrap, None)
                .is_ok_and(|all| !all.is_empty() && all.iter().all(|one| one.leader > 0 && one.leader != id))
        })
        .with_context(|| format!("broker {victim} is not replaced"))
    }

    /// Lets the first replica of every partition lead again: leaders and coordinators move although nobody is away.
    pub(crate) fn elect_preferred(&self) -> Result<()> {
        let servers = self.bootstrap();
        let arguments =
            ["--bootstrap-server", &servers, "--election-type", "preferred", "--all-topic-partitions"];
        KafkaTool::LeaderElection.run(self.cluster.install(), arguments)?;
        Ok(())
    }

    /// Creates a topic of one partition on these brokers that loses acknowledged records when the last of them in sync
    /// dies and the other comes back.
    pub(crate) fn create_losable(
        &self,
        topic: &str,
        replicas: &[i32],
        config: &[(&str, &str)],
    ) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", self.bootstrap()).create()?;
        let losable = [("min.insync.replicas", "1"), ("unclean.leader.election.enable", "true")];
        let placed = [replicas];
        let new = NewTopic::new(topic, 1, TopicReplication::Variable(&placed));
        let new = config.iter().chain(&losable).fold(new, |new, (key, value)| new.set(key, value));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let created = runtime.block_on(admin.create_topics([&new], &AdminOptions::new()))?;
        ensure!(created.iter().all(Result::is_ok), "{created:?}");
        let first = replicas.first().copied().context("no replica")?;
        let mut in_sync = replicas.to_vec();
        in_sync.sort_unstable();
        self.await_state(topic, 0, first, &in_sync)
    }
}

/// What metadata says of a partition.
struct Partition {
    partition: i32,
    leader: i32,
    replicas: usize,
    in_sync: Vec<i32>,
}

fn partitions(bootstrap: &str, topic: Option<&str>) -> Result<Vec<Partition>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("log_level", "0").create()?;
    let metadata = consumer.fetch_metadata(topic, PATIENCE)?;
    let all = metadata.topics().iter().flat_map(|topic| topic.partitions());
    Ok(all
        .map(|one| {
            let mut in_sync = one.isr().to_vec();
            in_sync.sort_unstable();
            Partition { partition: one.id(), leader: one.leader(), replicas: one.replicas().len(), in_sync }
        })
        .collect())
}
