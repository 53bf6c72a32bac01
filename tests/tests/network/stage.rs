//! Two clusters, each behind a proxy, and a topic full of records.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use velostream_testkit::load::{LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::NO_EXPIRY;
use velostream_testkit::proxy::{Observer, Proxy};
use velostream_testkit::services::{ClusterOptions, KafkaCluster};

/// The topic that every job of the suite replicates, each to a topic of its own.
pub(crate) const TOPIC: &str = "orders";
pub(crate) const PARTITIONS: i32 = 6;
pub(crate) const RECORDS: u64 = 18_000;

/// A cluster of one node.
pub(crate) struct Side {
    pub(crate) proxy: Proxy,
    /// Bootstrap servers past the proxy: for load and verifier.
    pub(crate) direct: String,
    /// Bootstrap servers by way of the proxy: for the program.
    pub(crate) proxied: String,
    // Last, so that connections are gone before the node goes.
    _cluster: KafkaCluster,
}

pub(crate) struct Stage {
    pub(crate) observer: Arc<Observer>,
    /// The source of all jobs, formatted with transaction.version 0: also the sink of jobs about the protocol before
    /// KIP-890.
    pub(crate) old: Side,
    /// transaction.version 2.
    pub(crate) new: Side,
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        let observer = Observer::new();
        let proxies = [Proxy::bind(Arc::clone(&observer))?, Proxy::bind(Arc::clone(&observer))?];
        let [of_old, of_new] = &proxies;
        let options = vec![
            ClusterOptions::for_test("network-old").transaction_version(0).behind(&[of_old.port()]),
            ClusterOptions::for_test("network-new").behind(&[of_new.port()]),
        ];
        let clusters = KafkaCluster::start_all(options)?;
        clusters.iter().try_for_each(KafkaCluster::await_coordinators)?;
        let mut sides = Vec::new();
        for (proxy, cluster) in proxies.into_iter().zip(clusters) {
            let node = cluster.nodes().first().context("a node")?;
            proxy.forward_to(node.proxied().context("a listener for the proxy")?.port);
            let (direct, proxied) = (cluster.bootstrap(), cluster.proxied_bootstrap());
            sides.push(Side { proxy, direct, proxied, _cluster: cluster });
        }
        let (new, old) = sides.pop().zip(sides.pop()).context("two sides")?;
        create_topic(&old.direct, TOPIC, PARTITIONS, &NO_EXPIRY)?;
        let plan = LoadPlan { batch_bytes: 4 << 10, ..LoadPlan::realistic(TOPIC, PARTITIONS, RECORDS, 61) };
        produce(&old.direct, &plan)?;
        Ok(Self { observer, old, new })
    }
}
