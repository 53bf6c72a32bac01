//! Two jobs with one name, two workers with one name.

use anyhow::{Result, ensure};
use velostream_testkit::load::{LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};

use crate::refusal::{expect, expect_untouched};

fn delivered(name: &str) -> Result<Scene> {
    let scene = Scene::new(name)?;
    scene.create(2, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 2, 1_000, 3))?;
    scene.deliver(&scene.job())?;
    Ok(scene)
}

#[test]
fn job_of_the_same_name_with_another_source_cluster_is_refused() -> Result<()> {
    let scene = delivered("two-sources")?;
    let other = format!("{}-other", scene.name);
    create_topic(&scene.sink, &other, 1, &NO_EXPIRY)?;
    let job = Job::kafka(&scene.name, scene.dir(), &scene.sink, &scene.sink, &[&other])
        .sink("topic: \"copy.{topic}\"");
    expect_untouched(&scene, &job, &scene.name, "VS-0040", &[&scene.name, "cluster"])
}

#[test]
fn job_with_another_mapping_than_before_is_refused() -> Result<()> {
    let scene = delivered("two-mappings")?;
    let job = scene.job().sink("topic: \"elsewhere.{topic}\"");
    let elsewhere = format!("elsewhere.{}", scene.name);
    expect_untouched(&scene, &job, &scene.name, "VS-0043", &[&scene.name, &elsewhere])
}

#[test]
fn second_worker_of_the_same_name_on_this_host_is_refused_at_once() -> Result<()> {
    let scene = delivered("two-workers")?;
    let mut elder = Worker::of(&scene.job(), "w0")?;
    elder.await_log("claimed", PATIENCE)?;
    expect(&scene.job().run_until_caught_up("w0")?, "VS-0041", 1, &[&scene.name, "w0"])?;
    ends_well(&elder.terminate(PATIENCE)?)
}

/// Two hosts share no lock: the group's leader sees it, and the younger gives way.
#[test]
fn second_worker_of_the_same_name_on_another_host_gives_way_and_the_elder_goes_on() -> Result<()> {
    let scene = delivered("two-hosts")?;
    let job = scene.job().sink("session_timeout: 2s");
    let mut elder = Worker::of(&job, "w0")?;
    elder.await_log("claimed", PATIENCE)?;
    let mut there = job.state_dir(&scene.dir().join("another-host"));
    there.dir = scene.dir().join("there");
    std::fs::create_dir(&there.dir)?;
    let younger = Worker::of(&there, "w0")?.wait(PATIENCE)?;
    expect(&younger, "VS-0041", 1, &["w0"])?;
    ensure!(
        !younger.stderr.contains("claimed splits"),
        "the younger never owns anything:\n{}",
        younger.stderr
    );
    let more = LoadPlan { first_sequence: 500, ..LoadPlan::realistic(&scene.name, 2, 1_000, 3) };
    produce(&scene.source, &more)?;
    velostream_testkit::nemesis::until(|| scene.expect_identical(&scene.name, 2_000).is_ok())?;
    ends_well(&elder.terminate(PATIENCE)?)
}
