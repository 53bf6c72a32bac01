//! Batches of every kind come out as they went in.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use velostream_kafka_batch::{Compression, Record, WriteOptions, write_batch};
use velostream_testkit::load::{
    Codec, LoadPlan, ODD_TOPIC, create_holes, odd_batches, produce, produce_batches,
};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, Scene};

/// The same job three times: bytes as they are, every batch decoded and encoded anew, and two lanes.
fn ways(scene: &Scene) -> [(String, Job); 3] {
    let to = |prefix: &str| {
        let mut job = scene.job().sink(&format!("topic: \"{prefix}.{{topic}}\""));
        job.name = format!("{prefix}-{}", job.name);
        (format!("{prefix}.{}", scene.name), job)
    };
    let (pass, off, lanes) = (to("pass"), to("off"), to("lanes"));
    [pass, (off.0, off.1.top("exactly_once: { pass_through: off }")), (lanes.0, lanes.1.top("lanes: 2"))]
}

fn deliver_each_way(scene: &Scene, records: u64) -> Result<()> {
    for (topic, job) in ways(scene) {
        scene.deliver(&job).with_context(|| topic.clone())?;
        scene.expect_identical(&topic, records).with_context(|| topic.clone())?;
    }
    Ok(())
}

#[test]
fn batches_of_every_codec_and_size_are_equal_passed_through_decoded_and_on_two_lanes() -> Result<()> {
    let scene = Scene::new("sizes")?;
    scene.create(3, &NO_EXPIRY)?;
    let mut records = 0;
    for codec in Codec::ALL {
        // One record a batch, then batches of about 4 KB, 16 KB and 1 MB.
        for (batch_bytes, count, size) in
            [(1, 150, 64), (4 << 10, 900, 100), (16 << 10, 1_500, 200), (1_000_000, 6_000, 500)]
        {
            let mut plan = LoadPlan::uniform(&scene.name, 3, count, size, codec, batch_bytes.max(1 << 10));
            plan.threads = 1;
            if batch_bytes == 1 {
                plan.properties.push(("batch.num.messages".to_owned(), "1".to_owned()));
            }
            records += produce(&scene.source, &plan)?.records();
        }
    }
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 3, 9_000, 7))?;
    deliver_each_way(&scene, records + 9_000)
}

#[test]
fn odd_headers_nulls_tombstones_and_timestamps_are_equal_passed_through_and_decoded() -> Result<()> {
    let scene = Scene::new("odd")?;
    scene.create(1, &ODD_TOPIC)?;
    let odd = odd_batches()?;
    produce_batches(&scene.source, &scene.name, 0, &odd.batches)?;
    // No timestamp at all, as some very old producers send.
    let untimed: Vec<Record> = (0..3)
        .map(|n| Record {
            value: Some(Bytes::from(format!("untimed {n}"))),
            timestamp: -1,
            ..Record::default()
        })
        .collect();
    let options = WriteOptions { compression: Compression::Lz4, ..WriteOptions::default() };
    produce_batches(&scene.source, &scene.name, 0, &[write_batch(&untimed, options)?])?;
    deliver_each_way(&scene, odd.records + 3)
}

/// A read of a topic with LogAppendTime gives every record of a batch the broker's time; those times are what the sink
/// holds, as CreateTime.
#[test]
fn append_times_of_the_source_are_the_create_times_of_the_sink() -> Result<()> {
    let scene = Scene::new("append-time")?;
    scene.create(2, &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")])?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 2, 5_000, 9))?;
    deliver_each_way(&scene, 5_000)
}

#[test]
fn holes_left_by_compaction_lose_and_double_nothing() -> Result<()> {
    let scene = Scene::new("holes")?;
    create_holes(&scene.source, &scene.name, 2_000)?;
    // No more cleaning from here on, else both sides would be compared in different states.
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.source).create()?;
    let topic = ResourceSpecifier::Topic(&scene.name);
    let change = AlterConfig::new(topic).set("cleanup.policy", "delete").set("retention.ms", "-1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changed = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new()))?;
    ensure!(changed.iter().all(Result::is_ok), "{changed:?}");
    let records = scene.compare(&scene.name, &scene.name).map_or(0, |report| report.counts.missing);
    for (topic, job) in ways(&scene) {
        scene.deliver(&job)?;
        let report = scene.compare(&scene.name, &topic)?;
        ensure!(report.is_identical(), "{report:#?}");
        ensure!(report.counts.matched > 0 && (records == 0 || report.counts.matched == records));
        let [partition] = report.partitions.as_slice() else { anyhow::bail!("one partition") };
        let offsets = partition.source_range.1 - partition.source_range.0;
        ensure!(report.counts.matched < u64::try_from(offsets)?, "there are holes");
    }
    Ok(())
}
