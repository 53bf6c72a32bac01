//! The two clusters.

use anyhow::{Context as _, Result};
use velostream_testkit::nemesis::{Job, Scene};
use velostream_testkit::services::{ClusterOptions, Footprint, KafkaCluster};

use crate::side::Side;

pub(crate) struct Stage {
    pub(crate) source: Side,
    pub(crate) sink: Side,
}

impl Stage {
    /// Starts both with the transaction protocol that `VELOSTREAM_TEST_TRANSACTION_VERSION` names: 2 where it is not
    /// set, 0 for the protocol before KIP-890.
    pub(crate) fn start() -> Result<Self> {
        let version = std::env::var("VELOSTREAM_TEST_TRANSACTION_VERSION").map_or(Ok(2), |text| text.parse());
        let version = version.context("VELOSTREAM_TEST_TRANSACTION_VERSION is not a number")?;
        let options = |name: &str| {
            ClusterOptions::for_test(name)
                .transaction_version(version)
                .nodes(3)
                .footprint(Footprint::Tiny)
                // A broker that stopped answering is replaced after 6 s instead of 9. Much less, and a busy machine
                // loses brokers that are well.
                .property("broker.session.timeout.ms", "6000")
                .property("broker.heartbeat.interval.ms", "1000")
                .property("auto.leader.rebalance.enable", "false")
        };
        let mut clusters = KafkaCluster::start_all(vec![options("three-source"), options("three-sink")])?;
        clusters.iter().try_for_each(KafkaCluster::await_coordinators)?;
        let (sink, source) = clusters.pop().zip(clusters.pop()).context("two clusters")?;
        Ok(Self { source: Side::new(source), sink: Side::new(sink) })
    }

    /// Brings back what an earlier test left dead or paused.
    pub(crate) fn heal(&mut self) -> Result<()> {
        self.source.heal()?;
        self.sink.heal()
    }

    /// A scene of this name on the two clusters.
    pub(crate) fn scene(&self, name: &str) -> Result<Scene> {
        Scene::at(name, self.source.bootstrap(), self.sink.bootstrap())
    }
}

/// Timeouts short enough that a broker which answers nothing costs seconds.
const IMPATIENT: &str = "client: { request_timeout: 3s, connect_timeout: 1s }";

/// The scene's job as a worker that does not wait long.
pub(crate) fn impatient(job: &Job) -> Job {
    job.clone().source(IMPATIENT).sink(IMPATIENT)
}
