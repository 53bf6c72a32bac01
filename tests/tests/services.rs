//! The test clusters themselves: what a nemesis does to them has to be what it says.

use anyhow::Result;
use velostream_testkit::load::{LoadPlan, create_topic, end_offsets, produce};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, KafkaTool};

#[test]
fn node_killed_and_started_again_keeps_its_records_and_its_address() -> Result<()> {
    let mut cluster = KafkaCluster::start(ClusterOptions::for_test("killed"))?;
    let bootstrap = cluster.bootstrap();
    create_topic(&bootstrap, "kept", 2, &[])?;
    produce(&bootstrap, &LoadPlan::realistic("kept", 2, 2_000, 3))?;
    let pid = cluster.nodes()[0].pid();
    cluster.node_mut(1)?.kill()?;
    assert_eq!(cluster.nodes()[0].pid(), None);
    cluster.node_mut(1)?.start()?;
    assert_ne!(cluster.nodes()[0].pid(), pid);
    assert_eq!(cluster.bootstrap(), bootstrap);
    assert_eq!(end_offsets(&bootstrap, "kept")?, [1_000, 1_000]);
    let pid = cluster.nodes()[0].pid().expect("it runs");
    let dir = cluster.nodes()[0].dir().to_path_buf();
    drop(cluster);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "a dropped cluster leaves no process");
    assert!(!dir.exists(), "a temporary cluster leaves no data");
    Ok(())
}

#[test]
fn node_paused_answers_nothing_until_resumed() -> Result<()> {
    let mut cluster = KafkaCluster::start(ClusterOptions::for_test("paused"))?;
    create_topic(&cluster.bootstrap(), "t", 1, &[])?;
    cluster.nodes()[0].pause()?;
    let state =
        std::fs::read_to_string(format!("/proc/{}/stat", cluster.nodes()[0].pid().expect("it runs")))?;
    assert_eq!(state.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()), Some("T"));
    cluster.nodes()[0].resume()?;
    cluster.await_ready()?;
    assert_eq!(end_offsets(&cluster.bootstrap(), "t")?, [0]);
    Ok(())
}

#[test]
fn cluster_of_three_takes_writes_while_one_node_is_dead() -> Result<()> {
    let mut cluster = KafkaCluster::start(ClusterOptions::for_test("three").nodes(3))?;
    create_topic(&cluster.bootstrap(), "replicated", 6, &[])?;
    cluster.node_mut(2)?.kill()?;
    let sent =
        produce(&cluster.bootstrap(), &LoadPlan::realistic("replicated", 6, 6_000, 3).transactional(500, 3))?;
    assert_eq!(sent.records(), 6_000);
    cluster.node_mut(2)?.start()?;
    cluster.await_ready()
}

#[test]
fn cluster_formatted_with_transaction_version_0_runs_it() -> Result<()> {
    let cluster = KafkaCluster::start(ClusterOptions::for_test("old-transactions").transaction_version(0))?;
    let bootstrap = cluster.bootstrap();
    let features =
        KafkaTool::Features.run(cluster.install(), ["--bootstrap-server", &bootstrap, "describe"])?;
    let features = String::from_utf8(features)?;
    let line =
        features.lines().find(|line| line.contains("transaction.version")).expect("the feature is listed");
    let level = line.split("FinalizedVersionLevel:").nth(1).and_then(|rest| rest.split_whitespace().next());
    assert_eq!(level, Some("0"), "{line}");
    create_topic(&bootstrap, "t", 1, &[])?;
    let sent = produce(&bootstrap, &LoadPlan::realistic("t", 1, 1_000, 3).transactional(100, 2))?;
    assert_eq!(sent.records(), 1_000);
    let seen = KafkaTool::ConsoleConsumer.run(
        cluster.install(),
        [
            "--bootstrap-server",
            &bootstrap,
            "--topic",
            "t",
            "--from-beginning",
            "--isolation-level",
            "read_committed",
            "--max-messages",
            "1000",
            "--timeout-ms",
            "30000",
        ],
    )?;
    assert!(!seen.is_empty());
    Ok(())
}
