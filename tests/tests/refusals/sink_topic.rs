//! A sink topic that lost records, has too few partitions, or would refuse or change what it is given.

use anyhow::{Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use velostream_testkit::load::{
    Codec, LoadPlan, MadeRecord, create_topic, delete_topic, end_offsets, produce, send,
};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene, until};

use crate::refusal::{expect, expect_untouched};

fn record(key: Option<&str>, value: Vec<u8>, timestamp_ms: i64) -> (i32, MadeRecord) {
    let key = key.map(|key| key.as_bytes().to_vec());
    (0, MadeRecord { key, value: Some(value), timestamp_ms, ..MadeRecord::default() })
}

fn now_ms() -> i64 {
    rdkafka::util::current_time_millis()
}

/// Ten plain records, one that the sink's topic refuses, ten more: the error names the one, and after the topic was
/// corrected everything arrives once and in order.
fn refuses_one(
    name: &str,
    odd: (i32, MadeRecord),
    sink: &[(&str, &str)],
    corrected: &[(&str, &str)],
    reason: &str,
) -> Result<()> {
    let scene = Scene::new(name)?;
    let generous = [
        ("retention.ms", "-1"),
        ("max.message.bytes", "5000000"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    scene.create(1, &generous)?;
    create_topic(&scene.sink, &scene.name, 1, sink)?;
    let plain = |n: usize| record(Some("k"), format!("plain {n}").into_bytes(), now_ms());
    let records = (0..10).map(plain).chain([odd]).chain((11..21).map(plain));
    send(&scene.source, &scene.name, Codec::None, records)?;
    let place = format!("{}-0", scene.name);
    let ended = scene.job().run_until_caught_up("w0")?;
    expect(&ended, "VS-0034", 1, &[&place, "offset 10", reason])?;
    let report = scene.compare(&scene.name, &scene.name)?;
    let counts = report.counts;
    ensure!(counts.differences() == counts.missing && counts.missing >= 11, "{report:#?}");
    alter(&scene, corrected)?;
    until(|| scene.job().run_until_caught_up("w0").is_ok_and(|ended| ended.code == Some(0)))?;
    scene.expect_identical(&scene.name, 21)?;
    Ok(())
}

fn alter(scene: &Scene, settings: &[(&str, &str)]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &scene.sink).create()?;
    let change = AlterConfig::new(ResourceSpecifier::Topic(&scene.name));
    let change = settings.iter().fold(change, |change, (key, value)| change.set(key, value));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changed = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new()))?;
    ensure!(changed.iter().all(Result::is_ok), "{changed:?}");
    Ok(())
}

#[test]
fn record_larger_than_the_sink_takes_is_named_and_goes_on_once_the_limit_is_raised() -> Result<()> {
    let odd = record(Some("k"), vec![b'x'; 300_000], now_ms());
    let small = [("max.message.bytes", "100000"), ("retention.ms", "-1")];
    refuses_one("too-large", odd, &small, &NO_EXPIRY, "MESSAGE_TOO_LARGE")
}

#[test]
fn record_without_key_is_refused_by_a_compacted_sink_topic() -> Result<()> {
    let odd = record(None, b"no key".to_vec(), now_ms());
    let compacted = [("cleanup.policy", "compact"), ("min.compaction.lag.ms", "86400000")];
    refuses_one("compacted", odd, &compacted, &NO_EXPIRY, "INVALID_RECORD")
}

#[test]
fn record_from_the_future_is_refused_by_a_sink_topic_that_limits_timestamps() -> Result<()> {
    let odd = record(Some("k"), b"tomorrow".to_vec(), now_ms() + 86_400_000);
    let corrected = [("message.timestamp.after.max.ms", "9223372036854775807"), ("retention.ms", "-1")];
    refuses_one("future", odd, &NO_EXPIRY, &corrected, "INVALID_TIMESTAMP")
}

#[test]
fn batches_larger_than_the_sink_takes_are_split_and_lose_nothing() -> Result<()> {
    let scene = Scene::new("splits")?;
    scene.create(1, &NO_EXPIRY)?;
    create_topic(&scene.sink, &scene.name, 1, &[("max.message.bytes", "20000"), ("retention.ms", "-1")])?;
    produce(&scene.source, &LoadPlan::uniform(&scene.name, 1, 3_000, 300, Codec::None, 500_000))?;
    scene.deliver(&scene.job())?;
    scene.expect_identical(&scene.name, 3_000)?;
    Ok(())
}

#[test]
fn sink_topic_created_again_between_two_runs_stops_the_job() -> Result<()> {
    let scene = Scene::new("went-back")?;
    scene.create(2, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 2, 1_000, 3))?;
    scene.deliver(&scene.job())?;
    delete_topic(&scene.sink, &scene.name)?;
    until(|| create_topic(&scene.sink, &scene.name, 2, &NO_EXPIRY).is_ok())?;
    let more = LoadPlan { first_sequence: 500, ..LoadPlan::realistic(&scene.name, 2, 1_000, 3) };
    produce(&scene.source, &more)?;
    let place = format!("sink {}-", scene.name);
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0031", &[&place, "created again"])?;
    ensure!(end_offsets(&scene.sink, &scene.name)? == [0, 0]);
    Ok(())
}

#[test]
fn sink_topic_deleted_between_two_runs_stops_the_job() -> Result<()> {
    let scene = Scene::new("gone-back")?;
    scene.create(1, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 1, 1_000, 3))?;
    scene.deliver(&scene.job())?;
    delete_topic(&scene.sink, &scene.name)?;
    until(|| end_offsets(&scene.sink, &scene.name).is_err())?;
    let place = format!("sink {}-0", scene.name);
    expect(&scene.job().run_until_caught_up("w0")?, "VS-0031", 1, &[&place, "created again"])
}

#[test]
fn sink_topic_with_fewer_partitions_is_refused() -> Result<()> {
    let scene = Scene::new("narrow")?;
    scene.create(3, &NO_EXPIRY)?;
    create_topic(&scene.sink, &scene.name, 2, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 3, 300, 3))?;
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0022", &[&scene.name, "2 partitions", "3"])
}

#[test]
fn sink_topic_that_replaces_timestamps_is_refused() -> Result<()> {
    let scene = Scene::new("replaces-times")?;
    scene.create(1, &NO_EXPIRY)?;
    create_topic(&scene.sink, &scene.name, 1, &[("message.timestamp.type", "LogAppendTime")])?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 1, 300, 3))?;
    let places = [scene.name.as_str(), "message.timestamp.type=LogAppendTime", "CreateTime"];
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0023", &places)
}
