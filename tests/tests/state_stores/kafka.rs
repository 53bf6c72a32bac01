//! Kafka to Kafka.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use velostream_testkit::load::{Codec, Random, end_offsets, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene, Worker, ends_well, until};
use velostream_testkit::services::KafkaPair;
use velostream_testkit::states::{Census, Repeated, StateServer};

const PARTITIONS: i32 = 3;
const KILLS: u64 = 5;
/// Different records; with their repetitions about 60,000.
const DIFFERENT: u64 = 48_000;
const IDS: &str = "exactly_once: { record_id_strategy: content_hash, transaction: { max_interval: 20ms, max_bytes: 64KiB } }";

/// A worker that is killed five times in the middle of its work while records come, and a reader that counts each content.
pub(crate) fn killed(_: &KafkaPair, server: &StateServer) -> Result<()> {
    let seed = 41;
    println!("seed {seed}");
    let mut random = Random::new(seed, 1);
    let scene = Scene::new(&format!("states-{}", server.kind()))?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let sink_topic = format!("dr.{}", scene.name);
    let job = server.give(scene.job().sink("topic: \"dr.{topic}\"").top(IDS))?;
    let mut load = Repeated::new(seed, PARTITIONS);
    for kill in 0..KILLS {
        let codec = if kill % 2 == 0 { Codec::Lz4 } else { Codec::Zstd };
        let worker = Worker::of(&job, "w0")?;
        let before = written(&scene, &sink_topic);
        send(&scene.source, &scene.name, codec, load.part(DIFFERENT / KILLS))?;
        until(|| written(&scene, &sink_topic) > before).with_context(|| worker.log())?;
        sleep(Duration::from_millis(random.below(100)));
        worker.kill()?;
    }
    ends_well(&job.run_until_caught_up("w0")?)?;
    // What was delivered before any of the kills is recognised.
    let again = (0..load.different()).step_by(7).map(|n| (0, Repeated::record(n)));
    send(&scene.source, &scene.name, Codec::None, again)?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    let census = Census::read(&scene.sink, &sink_topic)?;
    println!("{} records, {} different, {} delivered", load.made(), load.different(), census.records);
    census.expect(load.different(), |_| 1)
}

/// Offsets that the sink has given out so far; none before the topic is there.
fn written(scene: &Scene, topic: &str) -> i64 {
    end_offsets(&scene.sink, topic).map_or(0, |ends| ends.iter().sum())
}
