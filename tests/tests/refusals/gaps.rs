//! The source lost records in front of the position.

use anyhow::{Context as _, Result, ensure};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use velostream_testkit::load::{Codec, LoadPlan, create_topic, delete_topic, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker, until};

use crate::refusal::{expect, expect_untouched};

/// A scene whose job has delivered 500 records, and 500 more are there.
fn delivered_in_part(name: &str) -> Result<Scene> {
    let scene = Scene::new(name)?;
    scene.create(1, &NO_EXPIRY)?;
    load(&scene, 0)?;
    scene.deliver(&scene.job())?;
    scene.expect_identical(&scene.name, 500)?;
    load(&scene, 500)?;
    Ok(scene)
}

fn load(scene: &Scene, first_sequence: u64) -> Result<()> {
    let plan = LoadPlan::uniform(&scene.name, 1, 500, 100, Codec::Lz4, 4 << 10);
    produce(&scene.source, &LoadPlan { first_sequence, ..plan })?;
    Ok(())
}

/// Deletes every record below an offset, as retention does.
fn delete_below(scene: &Scene, offset: i64) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.source).create()?;
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&scene.name, 0, Offset::Offset(offset))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(admin.delete_records(&offsets, &AdminOptions::new()))
        .context("cannot delete records")?;
    Ok(())
}

#[test]
fn records_deleted_by_retention_stop_the_job_with_the_range_that_is_lost() -> Result<()> {
    let scene = delivered_in_part("retention")?;
    delete_below(&scene, 800)?;
    let places = [&format!("{}-0", scene.name), "position 500", "800"];
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0030", &places)
}

#[test]
fn records_deleted_by_retention_are_stepped_over_where_the_job_says_so() -> Result<()> {
    let scene = delivered_in_part("step-over")?;
    delete_below(&scene, 800)?;
    let ended = scene.job().source("gap_policy: continue").run_until_caught_up("w0")?;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    let said = ended.stderr.lines().find(|line| line.contains("records lost in the source"));
    let said = said.context("the loss is not logged")?;
    println!("{said}");
    ensure!(said.contains("500") && said.contains("800"), "{said}");
    // The sink holds 0..500 and 800..1000; the source has only the latter left.
    let report = scene.compare(&scene.name, &scene.name)?;
    ensure!(report.counts.missing == 0 && report.counts.matched == 200, "{report:#?}");
    ensure!(report.counts.unexpected == 500, "{report:#?}");
    Ok(())
}

#[test]
fn topic_created_again_stops_the_job() -> Result<()> {
    let scene = delivered_in_part("created-again")?;
    delete_topic(&scene.source, &scene.name)?;
    until(|| create_topic(&scene.source, &scene.name, 1, &NO_EXPIRY).is_ok())?;
    // As long as before, and longer: the offsets alone look right.
    (0..3).try_for_each(|n| load(&scene, n * 500))?;
    let places = [&format!("{}-0", scene.name), "created again", "another name"];
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0030", &places)
}

#[test]
fn topic_created_again_under_a_running_worker_stops_it() -> Result<()> {
    let scene = delivered_in_part("created-again-live")?;
    let worker = Worker::of(&scene.job(), "w0")?;
    until(|| scene.expect_identical(&scene.name, 1_000).is_ok())?;
    delete_topic(&scene.source, &scene.name)?;
    until(|| create_topic(&scene.source, &scene.name, 1, &NO_EXPIRY).is_ok())?;
    (0..3).try_for_each(|n| load(&scene, n * 500))?;
    expect(&worker.wait(PATIENCE)?, "VS-0030", 1, &[&format!("{}-0", scene.name), "position 1000"])
}

#[test]
fn topic_deleted_under_a_running_worker_stops_it() -> Result<()> {
    let scene = delivered_in_part("deleted-live")?;
    let worker = Worker::of(&scene.job(), "w0")?;
    until(|| scene.expect_identical(&scene.name, 1_000).is_ok())?;
    delete_topic(&scene.source, &scene.name)?;
    expect(&worker.wait(PATIENCE)?, "VS-0030", 1, &[&format!("{}-0", scene.name), "does not exist any more"])
}
