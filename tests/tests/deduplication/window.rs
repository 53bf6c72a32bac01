//! Records that come again after their window.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::load::{Codec, MadeRecord, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene};

use crate::content::read;

const RECORDS: u64 = 500;

fn records() -> impl Iterator<Item = (i32, MadeRecord)> {
    (0..RECORDS)
        .map(|n| (0, MadeRecord { value: Some(format!("{n}").into_bytes()), ..MadeRecord::default() }))
}

#[test]
fn records_outside_the_window_pass_again_and_those_inside_do_not() -> Result<()> {
    let scene = Scene::new("window")?;
    scene.create(1, &NO_EXPIRY)?;
    let sink_topic = format!("dr.{}", scene.name);
    let window = |text: &str| {
        let ids =
            format!("exactly_once: {{ record_id_strategy: content_hash, deduplication_window: {text} }}");
        scene.job().sink("topic: \"dr.{topic}\"").top(&ids)
    };
    let deliver_again = |job, times: u64| -> Result<()> {
        send(&scene.source, &scene.name, Codec::Lz4, records())?;
        scene.deliver(&job)?;
        let sink = read(&scene.sink, &sink_topic)?;
        let other = sink.iter().find(|(_, found)| **found != times);
        ensure!(sink.len() as u64 == RECORDS && other.is_none(), "{} records, {other:?}", sink.len());
        Ok(())
    };
    deliver_again(window("1h"), 1)?;
    deliver_again(window("1h"), 1)?;
    sleep(Duration::from_secs(2));
    // The same store; only what the job calls old is another.
    deliver_again(window("1s"), 2)?;
    deliver_again(window("1h"), 2)
}
