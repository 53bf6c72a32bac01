//! Clusters that do not answer, topics that are not there, brokers that cannot do what is needed.

use anyhow::Result;
use velostream_testkit::load::{Codec, LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, Scene};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, free_ports};

use crate::refusal::expect;

#[test]
fn broker_that_cannot_be_reached_is_named_with_exit_code_69() -> Result<()> {
    let scene = Scene::new("unreachable")?;
    scene.create(1, &NO_EXPIRY)?;
    let ports = free_ports(1)?;
    let nobody = format!("127.0.0.1:{}", ports.first().copied().unwrap_or(1));
    let source = Job::kafka(&scene.name, scene.dir(), &nobody, &scene.sink, &[&scene.name]);
    expect(&source.run_until_caught_up("w0")?, "VS-0010", 69, &["source", &nobody])?;
    let sink = Job::kafka(&scene.name, scene.dir(), &scene.source, &nobody, &[&scene.name]);
    expect(&sink.run_until_caught_up("w0")?, "VS-0010", 69, &["sink", &nobody])
}

#[test]
fn source_topic_that_does_not_exist_is_named() -> Result<()> {
    let scene = Scene::new("no-topic")?;
    expect(&scene.job().run_until_caught_up("w0")?, "VS-0020", 1, &[&scene.name, "source"])
}

#[test]
fn sink_topic_that_may_not_be_created_is_named() -> Result<()> {
    let scene = Scene::new("no-sink-topic")?;
    scene.create(1, &NO_EXPIRY)?;
    let job = scene.job().sink("create_topics: false");
    expect(&job.run_until_caught_up("w0")?, "VS-0020", 1, &[&scene.name, "sink"])
}

#[test]
fn expression_that_matches_no_topic_is_named() -> Result<()> {
    let scene = Scene::new("no-match")?;
    let expression = format!("/{}\\.absent-.*/", scene.name);
    expect(&scene.job_for(&expression).run_until_caught_up("w0")?, "VS-0021", 1, &[&expression])
}

#[test]
fn sink_that_cannot_do_transactions_is_named() -> Result<()> {
    // One broker, and the state of transactions wants three.
    let options = ClusterOptions::for_test("no-transactions")
        .property("transaction.state.log.replication.factor", "3")
        .property("transaction.state.log.min.isr", "2");
    let sink = KafkaCluster::start(options)?;
    let scene = Scene::new("no-tx")?.with_sink(sink.bootstrap());
    scene.create(1, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::uniform(&scene.name, 1, 10, 64, Codec::None, 1_000))?;
    create_topic(&scene.sink, &scene.name, 1, &NO_EXPIRY)?;
    let job = scene.job().sink("client: { request_timeout: 3s }");
    crate::refusal::expect_untouched(
        &scene,
        &job,
        &scene.name,
        "VS-0016",
        &["transactions", "transaction.state.log.replication.factor"],
    )
}
