//! Topics that come, and topics that grow, while the job runs.

use anyhow::{Result, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use velostream_testkit::load::{LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};

const LOOK_OFTEN: &str = "discovery_interval: 500ms";

#[test]
fn topic_created_while_the_job_runs_is_delivered_from_its_first_record() -> Result<()> {
    let scene = Scene::new("regex")?;
    let [first, later, other] = ["a", "b", "c"].map(|suffix| format!("{}.{suffix}", scene.name));
    create_topic(&scene.source, &first, 2, &NO_EXPIRY)?;
    create_topic(&scene.source, &other, 1, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&first, 2, 2_000, 3))?;
    produce(&scene.source, &LoadPlan::realistic(&other, 1, 10, 3))?;
    // The start is pinned when the job is created; a topic that comes later has no record that the job may miss.
    let job = scene
        .job_for(&format!("/{}\\..*/", scene.name))
        .source(&format!("exclude: [\"{other}\"]"))
        .sink(LOOK_OFTEN)
        .sink("topic: \"dr.{topic}\"");
    let worker = Worker::of(&job, "w0")?;
    scene.await_delivery(&format!("dr.{first}"), 2)?;
    create_topic(&scene.source, &later, 3, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&later, 3, 3_000, 4))?;
    scene.await_delivery(&format!("dr.{later}"), 3)?;
    ends_well(&worker.terminate(PATIENCE)?)?;
    scene.deliver(&job)?;
    for (topic, records) in [(&first, 2_000), (&later, 3_000)] {
        let report = scene.compare(topic, &format!("dr.{topic}"))?;
        ensure!(report.is_identical() && report.counts.matched == records, "{report:#?}");
    }
    ensure!(scene.compare(&other, &format!("dr.{other}")).is_err(), "an excluded topic is not created");
    Ok(())
}

#[test]
fn partitions_added_to_the_source_while_the_job_runs_are_delivered_to_partitions_added_to_the_sink()
-> Result<()> {
    let scene = Scene::new("grows")?;
    scene.create(2, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 2, 2_000, 3))?;
    let job = scene.job().sink(LOOK_OFTEN);
    let worker = Worker::of(&job, "w0")?;
    scene.await_delivery(&scene.name, 2)?;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.source).create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let grown = runtime
        .block_on(admin.create_partitions([&NewPartitions::new(&scene.name, 5)], &AdminOptions::new()))?;
    ensure!(grown.iter().all(Result::is_ok), "{grown:?}");
    let more = LoadPlan { first_sequence: 1_000, ..LoadPlan::realistic(&scene.name, 5, 5_000, 3) };
    produce(&scene.source, &more)?;
    scene.await_delivery(&scene.name, 5)?;
    ends_well(&worker.terminate(PATIENCE)?)?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, 7_000)?;
    Ok(())
}

#[test]
fn topic_that_the_job_creates_keeps_records_as_long_as_its_source() -> Result<()> {
    let scene = Scene::new("keeps")?;
    let kept = [
        (
            "hour",
            [("cleanup.policy", "delete"), ("retention.ms", "3600000"), ("retention.bytes", "123456789")],
        ),
        ("ever", [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")]),
        ("keys", [("cleanup.policy", "compact"), ("retention.ms", "-1"), ("retention.bytes", "-1")]),
    ]
    .map(|(tail, settings)| (format!("{}.{tail}", scene.name), settings));
    for (topic, settings) in &kept {
        create_topic(&scene.source, topic, 1, settings)?;
    }
    let job = scene.job_for(&format!("/{}\\..*/", scene.name));
    scene.deliver(&job)?;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.sink).create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (topic, settings) in &kept {
        let asked = [ResourceSpecifier::Topic(topic)];
        let answers = runtime.block_on(admin.describe_configs(asked.iter(), &AdminOptions::new()))?;
        let Some(Ok(found)) = answers.into_iter().next() else { bail!("{topic} is not described") };
        for (name, value) in settings {
            let found = found.get(name).and_then(|entry| entry.value.as_deref());
            ensure!(found == Some(*value), "{topic}: {name} is {found:?}, not {value}");
        }
    }
    Ok(())
}
