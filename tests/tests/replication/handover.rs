//! SIGTERM: what is open is committed, splits change hands, nobody is refused anything.

use std::thread;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::Worker;

use crate::scene::{NO_EXPIRY, PATIENCE, Scene, ends_well};

/// What a worker logs when the sink refused one of its commits, or it had to repair something.
const REFUSED: [&str; 3] = ["superseded", "will recover", "in doubt"];

fn expect_calm(log: &str) -> Result<()> {
    for words in REFUSED {
        ensure!(!log.contains(words), "a hand-over is orderly, but the log says {words:?}:\n{log}");
    }
    Ok(())
}

#[test]
fn worker_told_to_stop_ends_with_0_and_the_other_goes_on_without_a_refused_commit() -> Result<()> {
    let scene = Scene::new("handover")?;
    scene.create(4, &NO_EXPIRY)?;
    let job = scene.job();
    let plan = LoadPlan {
        records_per_second: 6_000,
        run_length: 1_000,
        ..LoadPlan::realistic(&scene.name, 4, 60_000, 17)
    };
    let loaded = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&scene.source, &plan));
        let mut first = Worker::of(&job, "w0")?;
        first.await_log("claimed", PATIENCE)?;
        let mut second = Worker::of(&job, "w1")?;
        second.await_log("claimed", PATIENCE)?;
        scene.await_delivery(&scene.name, 4)?;
        let first = first.terminate(PATIENCE)?;
        ends_well(&first)?;
        expect_calm(&first.stderr)?;
        // Restarted under its name, it gets its share back.
        let mut again = Worker::of(&job, "w0")?;
        again.await_log("claimed", PATIENCE)?;
        for worker in [second, again] {
            let ended = worker.terminate(PATIENCE)?;
            ends_well(&ended)?;
            expect_calm(&ended.stderr)?;
        }
        Ok(loading.join().ok().context("the load generator panicked")??.records())
    })?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, loaded)?;
    Ok(())
}
