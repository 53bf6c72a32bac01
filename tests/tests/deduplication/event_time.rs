//! Windows by the timestamps of records, between two real clusters, with workers that are killed.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::load::{Codec, MadeRecord, Random, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene, Worker};

use crate::content::read;

/// Ids of each round.
const IDS: u64 = 3000;
const HOUR_MS: i64 = 3_600_000;
/// Time of the first round: long ago, so that nothing depends on when the test runs.
const FIRST_MS: i64 = 1_600_000_000_000;

/// Records of one partition, whose ids all carry one time.
fn records(ids: std::ops::Range<u64>, timestamp_ms: i64) -> Vec<(i32, MadeRecord)> {
    let record = |n: u64| MadeRecord {
        value: Some(format!("{n}").into_bytes()),
        timestamp_ms,
        ..MadeRecord::default()
    };
    ids.map(|n| (0, record(n))).collect()
}

#[test]
fn records_are_judged_by_their_own_times_in_both_directions_whoever_dies_between() -> Result<()> {
    let mut random = Random::new(43, 1);
    let scene = Scene::new("event")?;
    scene.create(1, &NO_EXPIRY)?;
    let sink_topic = format!("dr.{}", scene.name);
    let job = |time: &str| {
        let ids = format!(
            "exactly_once: {{ record_id_strategy: content_hash, deduplication_window: 1h, deduplication_time: {time}, \
             transaction: {{ max_interval: 20ms, max_bytes: 16KiB }} }}"
        );
        scene.job().sink("topic: \"dr.{topic}\"").top(&ids)
    };
    let event = job("event");
    let mut deliver = |batch: Vec<(i32, MadeRecord)>| -> Result<()> {
        let worker = Worker::of(&event, "w0")?;
        send(&scene.source, &scene.name, Codec::Lz4, batch)?;
        sleep(Duration::from_millis(random.below(300)));
        worker.kill()?;
        scene.deliver(&event)
    };
    let expect = |of: std::ops::Range<u64>, times: u64, what: &str| -> Result<()> {
        let sink = read(&scene.sink, &sink_topic)?;
        for n in of {
            let found = sink.get(&(None, Some(format!("{n}").into_bytes()))).copied().unwrap_or(0);
            ensure!(found == times, "{what}: {n} is there {found} times, not {times}");
        }
        Ok(())
    };
    deliver(records(0..IDS, FIRST_MS))?;
    expect(0..IDS, 1, "first")?;
    // Less than an hour later, and less than an hour earlier: whenever they come, they are the same.
    deliver(records(0..IDS, FIRST_MS + HOUR_MS - 1))?;
    deliver(records(0..IDS, FIRST_MS - HOUR_MS + 1))?;
    expect(0..IDS, 1, "inside the window")?;
    // An hour later all pass, moments after they were delivered.
    deliver(records(0..IDS, FIRST_MS + HOUR_MS))?;
    expect(0..IDS, 2, "an hour later")?;
    // Now the first hour is over: what is dated there passes, unless an equal one is known to be near.
    deliver(records(0..IDS, FIRST_MS + 1))?;
    expect(0..IDS, 2, "less than an hour before the last")?;
    deliver(records(0..IDS / 2, FIRST_MS))?;
    expect(0..IDS / 2, 3, "an hour before the last")?;
    // A store that lost everything knows the same again.
    let store = scene.dir().join("state").join(&event.name).join("state.redb");
    std::fs::remove_file(&store)?;
    deliver(records(0..IDS, FIRST_MS + HOUR_MS + HOUR_MS - 1))?;
    expect(0..IDS / 2, 3, "rebuilt")?;
    expect(IDS / 2..IDS, 2, "rebuilt")?;
    // Ids that are dated by event time are none by arrival.
    let refused = scene.deliver(&job("arrival"));
    let why = format!("{:#}", refused.err().unwrap_or_else(|| anyhow::anyhow!("it ran")));
    ensure!(why.contains("VS-0043"), "{why}");
    Ok(())
}
