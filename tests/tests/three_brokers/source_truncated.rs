//! An unclean election takes records of the source away that were delivered, and others take their offsets.

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, end_offsets, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker};

use crate::Test;
use crate::expect::refusal;
use crate::side::eventually;
use crate::stage::{Stage, impatient};

pub(crate) const TESTS: [Test; 1] =
    [("source_truncated::records_that_others_replaced_stop_the_job_or_are_stepped_over_by_name", truncated)];

const BOTH: u64 = 1_000;
const LOST: u64 = 500;
/// More than were lost, so that the position looks right to whoever does not look at epochs.
const OTHERS: u64 = 1_500;

fn load(scene: &Scene, records: u64, seed: u64) -> Result<()> {
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 1, records, seed))?;
    Ok(())
}

fn truncated(stage: &mut Stage) -> Result<()> {
    let scene = stage.scene("source-cut")?;
    let topic = &scene.name;
    stage.source.create_losable(topic, &[1, 2], &NO_EXPIRY)?;
    let job = impatient(&scene.job());
    load(&scene, BOTH, 53)?;
    let worker = Worker::of(&job, "w0")?;
    stage.source.node(2)?.kill()?;
    stage.source.await_state(topic, 2, 1, &[1])?;
    load(&scene, LOST, 54)?;
    eventually(|| scene.expect_identical(topic, BOTH + LOST).is_ok()).with_context(|| worker.log())?;
    let delivered = end_offsets(&scene.sink, topic)?;
    stage.source.node(1)?.kill()?;
    stage.source.node(2)?.start()?;
    stage.source.await_state(topic, 1, 2, &[2])?;
    load(&scene, OTHERS, 55)?;
    ensure!(end_offsets(&stage.source.others(1), topic)? == [i64::try_from(BOTH + OTHERS)?]);
    stage.source.node(1)?.start()?;
    stage.source.await_in_sync()?;

    let places = [&format!("{topic}-0"), "position 1500", "truncated to offset 1000"];
    refusal(&worker.wait(PATIENCE)?, "VS-0030", &places)?;
    // The same at a claim as under way.
    refusal(&job.run_until_caught_up("w1")?, "VS-0030", &places)?;
    ensure!(end_offsets(&scene.sink, topic)? == delivered, "something was delivered");

    let ended = job.source("gap_policy: continue").run_until_caught_up("w0")?;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    let said = ended.stderr.lines().find(|line| line.contains("records lost in the source"));
    let said = said.context("the loss is not logged")?;
    ensure!(said.contains("1500") && said.contains("1000"), "{said}");
    let counts = scene.compare(topic, topic)?.counts;
    // What was lost in the source stays in the sink; everything that the source has now is there once.
    ensure!(counts.matched == BOTH + OTHERS && counts.unexpected == LOST, "{counts:?}");
    ensure!(counts.differences() == counts.unexpected, "{counts:?}");
    Ok(())
}
