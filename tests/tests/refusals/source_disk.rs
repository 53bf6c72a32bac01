//! A source whose log was changed on disk: damaged, cut, or of a format from before Kafka 0.11.

use anyhow::Result;
use velostream_testkit::load::{Codec, LoadPlan, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, KafkaPair};

use crate::log_segment::LogSegment;
use crate::refusal::{expect, expect_untouched};

/// A source of its own, whose topic has been delivered up to offset 500.
struct Changed {
    cluster: KafkaCluster,
    scene: Scene,
    _pair: KafkaPair,
}

impl Changed {
    fn new(name: &str) -> Result<Self> {
        let pair = KafkaPair::get()?;
        let cluster = KafkaCluster::start(ClusterOptions::for_test(name))?;
        let scene = Scene::at(&pair.topic(name), cluster.bootstrap(), pair.sink.clone())?;
        scene.create(1, &NO_EXPIRY)?;
        let changed = Self { cluster, scene, _pair: pair };
        changed.load(0, 500)?;
        changed.scene.deliver(&changed.scene.job())?;
        Ok(changed)
    }

    fn load(&self, first_sequence: u64, records: u64) -> Result<()> {
        let plan = LoadPlan::uniform(&self.scene.name, 1, records, 100, Codec::None, 2 << 10);
        produce(&self.scene.source, &LoadPlan { first_sequence, ..plan })?;
        Ok(())
    }

    /// Stops the broker, changes its log, starts it again.
    fn change<T>(&mut self, change: impl FnOnce(LogSegment) -> Result<T>) -> Result<T> {
        let node = self.cluster.node_mut(1)?;
        node.stop()?;
        let done = change(LogSegment::open(&node.dir().join("data"), &self.scene.name, 0)?)?;
        node.start()?;
        Ok(done)
    }
}

#[test]
fn batch_with_a_wrong_checksum_stops_the_job_and_everything_before_it_is_delivered() -> Result<()> {
    let mut changed = Changed::new("flipped")?;
    changed.load(500, 500)?;
    let damaged = changed.change(|segment| {
        let last = segment.last_batch()?;
        segment.flip()?;
        Ok(last)
    })?;
    let scene = &changed.scene;
    let place = format!("{}-0", scene.name);
    expect(&scene.job().run_until_caught_up("w0")?, "VS-0032", 1, &[&place, &format!("offset {damaged}")])?;
    // Repaired, it goes on from there: nothing was lost, skipped or made valid by a new checksum.
    changed.change(LogSegment::flip)?;
    let scene = &changed.scene;
    scene.deliver(&scene.job())?;
    scene.expect_identical(&scene.name, 1_000)?;
    Ok(())
}

#[test]
fn message_format_before_kafka_0_11_is_named() -> Result<()> {
    let mut changed = Changed::new("old-format")?;
    changed.change(|segment| segment.append_old(500, b"written long ago"))?;
    let scene = &changed.scene;
    let place = format!("{}-0", scene.name);
    expect_untouched(scene, &scene.job(), &scene.name, "VS-0033", &[&place, "offset 500"])
}

#[test]
fn log_cut_below_the_position_stops_the_job() -> Result<()> {
    let mut changed = Changed::new("cut")?;
    let end = changed.change(|segment| segment.cut(300))?;
    let scene = &changed.scene;
    let places = [&format!("{}-0", scene.name), "position 500", &end.to_string()];
    expect_untouched(scene, &scene.job(), &scene.name, "VS-0030", &places)
}

/// Once it has grown past the position again, only the leader epoch of the last record tells.
#[test]
fn log_cut_and_written_past_the_position_again_stops_the_job() -> Result<()> {
    let mut changed = Changed::new("refilled")?;
    let end = changed.change(|segment| segment.cut(300))?;
    changed.load(5_000, 900)?;
    let scene = &changed.scene;
    let places = [&format!("{}-0", scene.name), "position 500", &end.to_string()];
    expect_untouched(scene, &scene.job(), &scene.name, "VS-0030", &places)
}
