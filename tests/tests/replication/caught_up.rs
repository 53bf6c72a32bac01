//! `--until-caught-up` with several workers: nobody ends before the whole job is done, whoever held what.

use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};

const PARTITIONS: i32 = 4;
/// Of the source's batches. A slow worker reads one at a time.
const BATCH_BYTES: usize = 2 << 10;

fn until_caught_up(job: &Job, instance: &str) -> Result<Worker> {
    let path = job.write()?;
    let path = path.to_string_lossy();
    let arguments = ["run", &path, "--until-caught-up", "--no-progress", "--instance", instance];
    Worker::start(Path::new("."), &arguments, &[])
}

/// The same job with a file of its own, for a worker that needs a second and more for what another does at once.
fn slowed(scene: &Scene, job: &Job) -> Result<Job> {
    let mut slow = job
        .clone()
        .source("fetch_max_bytes: 1KiB")
        .source("queue_bytes: 1KiB")
        .top("exactly_once: { transaction: { max_interval: 5ms, max_bytes: 64KB } }");
    slow.dir = scene.dir().join("slow");
    std::fs::create_dir_all(&slow.dir)?;
    Ok(slow.state_dir(&scene.dir().join("state")))
}

fn loaded(scene: &Scene, records: u64, seed: u64) -> Result<u64> {
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let plan =
        LoadPlan { batch_bytes: BATCH_BYTES, ..LoadPlan::realistic(&scene.name, PARTITIONS, records, seed) };
    Ok(produce(&scene.source, &plan)?.records())
}

#[test]
fn worker_whose_share_is_done_delivers_what_a_killed_one_held_before_it_ends() -> Result<()> {
    let scene = Scene::new("caught-up-killed")?;
    let records = loaded(&scene, 40_000, 71)?;
    // Long enough that the other one's share is done before it ends.
    let job = scene.job().sink("session_timeout: 10s");
    let mut doomed = until_caught_up(&slowed(&scene, &job)?, "w0")?;
    doomed.await_log("claimed splits=4", PATIENCE)?;
    let mut other = until_caught_up(&job, "w1")?;
    other.await_log("claimed splits=2", PATIENCE)?;
    // Dead in a group that counts it in until its session ends.
    doomed.kill()?;
    let ended = other.wait(PATIENCE)?;
    ends_well(&ended)?;
    ensure!(
        ended.stderr.contains("own share is done; waiting"),
        "nothing was left to wait for:\n{}",
        ended.stderr
    );
    ensure!(ended.stderr.contains("claimed splits=4"), "{}", ended.stderr);
    scene.expect_identical(&scene.name, records)?;
    Ok(())
}

/// The session is longer than anybody's patience here: whoever waited for its end would be late.
#[test]
fn workers_that_are_both_alive_both_end_once_the_job_is_done() -> Result<()> {
    let scene = Scene::new("caught-up-alive")?;
    let records = loaded(&scene, 8_000, 72)?;
    let job = scene.job().sink("session_timeout: 120s");
    let slow = until_caught_up(&slowed(&scene, &job)?, "w0")?;
    let mut fast = until_caught_up(&job, "w1")?;
    fast.await_log("joined", PATIENCE)?;
    for worker in [fast, slow] {
        ends_well(&worker.wait(PATIENCE)?)?;
    }
    scene.expect_identical(&scene.name, records)?;
    Ok(())
}

/// Each stops at another end of the same split, and neither may wait for what the other does not read any more.
#[test]
fn workers_that_start_together_on_a_source_that_grows_do_not_wait_for_each_other() -> Result<()> {
    let scene = Scene::new("caught-up-growing")?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let plan = LoadPlan {
        records_per_second: 2_000,
        batch_bytes: BATCH_BYTES,
        ..LoadPlan::realistic(&scene.name, PARTITIONS, 20_000, 73)
    };
    let job = scene.job();
    let records = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&scene.source, &plan));
        let workers = [until_caught_up(&job, "w0")?, until_caught_up(&job, "w1")?];
        for worker in workers {
            ends_well(&worker.wait(PATIENCE)?)?;
        }
        Ok(loading.join().ok().context("the load generator panicked")??.records())
    })?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, records)?;
    Ok(())
}
