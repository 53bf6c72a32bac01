//! Brokers that leave and come back under a running job.

use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result};
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, KafkaTool};

#[test]
fn source_and_sink_brokers_restarted_and_killed_lose_and_double_nothing() -> Result<()> {
    let mut clusters = KafkaCluster::start_all(vec![
        ClusterOptions::for_test("restarted-source"),
        ClusterOptions::for_test("restarted-sink"),
    ])?;
    let [source, sink] = clusters.as_mut_slice() else { anyhow::bail!("two clusters") };
    let scene = Scene::at("restarts", source.bootstrap(), sink.bootstrap())?;
    scene.create(3, &NO_EXPIRY)?;
    let job = scene.job();
    let plan = LoadPlan {
        records_per_second: 3_000,
        run_length: 1_000,
        ..LoadPlan::realistic(&scene.name, 3, 60_000, 23)
    };
    let loaded = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&scene.source, &plan));
        let mut workers = vec![Worker::of(&job, "w0")?, Worker::of(&job, "w1")?];
        scene.await_delivery(&scene.name, 3)?;
        sink.node_mut(1)?.restart()?;
        sleep(Duration::from_secs(2));
        source.node_mut(1)?.restart()?;
        sleep(Duration::from_secs(2));
        sink.node_mut(1)?.kill()?;
        sink.node_mut(1)?.start()?;
        sleep(Duration::from_secs(2));
        for worker in workers.drain(..) {
            let ended = worker.terminate(PATIENCE)?;
            ends_well(&ended)?;
        }
        Ok(loading.join().ok().context("the load generator panicked")??.records())
    })?;
    if let Err(error) = scene.deliver(&job) {
        // A claim that is never completed waits for a transaction that nobody ends: show which.
        for partition in ["0", "1", "2"] {
            for topic in [&format!("__velostream.{}", scene.name), &scene.name] {
                let arguments = [
                    "--bootstrap-server",
                    &scene.sink,
                    "describe-producers",
                    "--topic",
                    topic,
                    "--partition",
                    partition,
                ];
                let said = KafkaTool::Transactions.run(sink.install(), arguments)?;
                println!("{topic}-{partition}:\n{}", String::from_utf8_lossy(&said));
            }
        }
        let said =
            KafkaTool::Transactions.run(sink.install(), ["--bootstrap-server", &scene.sink, "list"])?;
        println!("{}", String::from_utf8_lossy(&said));
        return Err(error);
    }
    scene.expect_identical(&scene.name, loaded)?;
    Ok(())
}
