//! Duplicates at any distance, and workers that die at any instant.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::load::{Codec, MadeRecord, Random, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene, Worker};

use crate::content::{expect_each_once, read};

const PARTITIONS: i32 = 3;
/// Different records; every fifth comes again.
const DIFFERENT: u64 = 60_000;
const KILLS: u32 = 6;
const IDS: &str = "exactly_once: { record_id_strategy: content_hash, transaction: { max_interval: 20ms, max_bytes: 64KiB } }";

fn record(n: u64) -> MadeRecord {
    MadeRecord {
        key: Some(format!("key {}", n % 97).into_bytes()),
        value: Some(format!("value {n} {}", "x".repeat(usize::try_from(n % 50).unwrap_or(0))).into_bytes()),
        ..MadeRecord::default()
    }
}

/// Different records from `first` on and, among them, earlier ones: all in any partition.
fn load(random: &mut Random, first: u64, count: u64) -> Vec<(i32, MadeRecord)> {
    let mut records = Vec::new();
    let mut anywhere = |random: &mut Random, n| {
        let partition = i32::try_from(random.below(u64::from(PARTITIONS.unsigned_abs()))).unwrap_or(0);
        records.push((partition, record(n)));
    };
    for n in first..first + count {
        anywhere(random, n);
        if random.one_in(5) {
            let earlier = random.below(n + 1);
            anywhere(random, earlier);
        }
    }
    records
}

#[test]
fn job_with_content_ids_killed_again_and_again_delivers_each_content_once() -> Result<()> {
    let seed = 41;
    println!("seed {seed}");
    let mut random = Random::new(seed, 1);
    let scene = Scene::new("content")?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let sink_topic = format!("dr.{}", scene.name);
    let job = scene.job().sink("topic: \"dr.{topic}\"").top(IDS);
    let part = DIFFERENT / u64::from(KILLS);
    for kill in 0..u64::from(KILLS) {
        let codec = if kill % 2 == 0 { Codec::Lz4 } else { Codec::Zstd };
        let worker = Worker::of(&job, "w0")?;
        send(&scene.source, &scene.name, codec, load(&mut random, kill * part, part))?;
        sleep(Duration::from_millis(random.below(400)));
        worker.kill()?;
    }
    scene.deliver(&job)?;
    // What was delivered before any of the kills is recognised, also by a store that has lost everything.
    send(&scene.source, &scene.name, Codec::None, (0..DIFFERENT).step_by(7).map(|n| (0, record(n))))?;
    scene.deliver(&job)?;
    let store = scene.dir().join("state").join(&job.name).join("state.redb");
    ensure!(store.exists(), "{} is not the job's store", store.display());
    std::fs::remove_file(&store)?;
    send(&scene.source, &scene.name, Codec::Snappy, (0..DIFFERENT).step_by(11).map(|n| (1, record(n))))?;
    scene.deliver(&job)?;
    let (source, sink) = (read(&scene.source, &scene.name)?, read(&scene.sink, &sink_topic)?);
    let all: u64 = source.values().sum();
    println!("{all} records, {} different, {} delivered", source.len(), sink.values().sum::<u64>());
    ensure!(source.len() as u64 == DIFFERENT, "{} different records", source.len());
    expect_each_once(&source, &sink)
}
