//! Load that goes on until a test has done what it wanted to do, and two workers that replicate it meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use velostream_testkit::load::{LoadPlan, create_topic, end_offsets, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};

use crate::side::eventually;
use crate::stage::{Stage, impatient};

pub(crate) const PARTITIONS: i32 = 6;
const PER_ROUND: u64 = 100;

/// Records of every kind, about six hundred a second, until `stop`; returns how many.
fn endless(bootstrap: &str, topic: &str, seed: u64, stop: &AtomicBool) -> Result<u64> {
    let partitions = u64::try_from(PARTITIONS)?;
    let (mut records, mut first_sequence) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let plan = LoadPlan {
            first_sequence,
            records_per_second: 600,
            run_length: 300,
            ..LoadPlan::realistic(topic, PARTITIONS, PER_ROUND * partitions, seed)
        };
        records += produce(bootstrap, &plan)?.records();
        first_sequence += PER_ROUND;
    }
    Ok(records)
}

/// Runs two workers under load while `faults` happen, and compares everything afterwards.
pub(crate) fn survives(
    stage: &mut Stage,
    name: &str,
    seed: u64,
    faults: impl FnOnce(&mut Stage, &Scene, &[Worker]) -> Result<()>,
) -> Result<()> {
    let scene = stage.scene(name)?;
    create_topic(&scene.source, &scene.name, PARTITIONS, &NO_EXPIRY)?;
    let job = impatient(&scene.job());
    let stop = AtomicBool::new(false);
    let records = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| endless(&scene.source, &scene.name, seed, &stop));
        let run = || -> Result<Vec<Worker>> {
            let workers = vec![Worker::of(&job, "w0")?, Worker::of(&job, "w1")?];
            scene.await_delivery(&scene.name, usize::try_from(PARTITIONS)?)?;
            let done =
                faults(stage, &scene, &workers).and_then(|()| await_progress(&scene.sink, &scene.name));
            let logs = || workers.iter().map(Worker::log).collect::<Vec<_>>().join("\n--\n");
            done.with_context(logs)?;
            Ok(workers)
        };
        let workers = run();
        stop.store(true, Ordering::Relaxed);
        let records = loading.join().ok().context("the load generator panicked")??;
        for worker in workers? {
            ends_well(&worker.terminate(PATIENCE)?)?;
        }
        Ok(records)
    })?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, records)?;
    Ok(())
}

/// Waits until every partition of the sink has got further than it is now: faults that are over are survived.
pub(crate) fn await_progress(bootstrap: &str, topic: &str) -> Result<()> {
    let mut before = Vec::new();
    eventually(|| {
        let Ok(ends) = end_offsets(bootstrap, topic) else { return false };
        if before.is_empty() {
            before.clone_from(&ends);
        }
        ends.iter().zip(&before).all(|(now, then)| now > then)
    })
    .context("the sink gets no records any more")
}
