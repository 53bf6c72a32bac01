//! SIGTERM: what is open is committed, splits change hands, nobody is refused anything.

use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, PATIENCE, Scene, Worker, ends_well};

/// A worker that joins fences the one that its splits come from, which costs that one a transaction. That is not what
/// is tested here, so it has to be over.
const SETTLED: Duration = Duration::from_secs(2);

/// What a worker logs when the sink refused one of its commits, or it had to repair something.
const REFUSED: [&str; 3] = ["superseded", "will recover", "in doubt"];

/// Looks at what a worker logged beyond `from` bytes.
fn expect_calm(log: &str, from: usize) -> Result<()> {
    let new = log.get(from..).unwrap_or_default();
    for words in REFUSED {
        ensure!(!new.contains(words), "a hand-over is orderly, but the log says {words:?}:\n{log}");
    }
    Ok(())
}

/// Stops a worker in an orderly way; nothing of what it does from then on is refused.
fn hand_over(worker: Worker) -> Result<()> {
    let before = worker.log().len();
    let ended = worker.terminate(PATIENCE)?;
    ends_well(&ended)?;
    ensure!(ended.stderr.contains("stopping: committing"));
    expect_calm(&ended.stderr, before)
}

#[test]
fn worker_told_to_stop_ends_with_0_without_a_refused_commit_and_the_other_goes_on() -> Result<()> {
    let scene = Scene::new("handover")?;
    scene.create(4, &NO_EXPIRY)?;
    let job = scene.job();
    let plan = LoadPlan {
        records_per_second: 6_000,
        run_length: 1_000,
        ..LoadPlan::realistic(&scene.name, 4, 90_000, 17)
    };
    let loaded = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&scene.source, &plan));
        let mut first = Worker::of(&job, "w0")?;
        first.await_log("claimed splits=4", PATIENCE)?;
        let mut second = Worker::of(&job, "w1")?;
        second.await_log("claimed splits=2", PATIENCE)?;
        scene.await_delivery(&scene.name, 4)?;
        sleep(SETTLED);
        let before = second.log().len();
        hand_over(first)?;
        // The other has taken everything over once it claims again.
        second.await_log_from(before, "claimed splits=4", PATIENCE)?;
        // What it had open was committed before the group moved on.
        expect_calm(&second.log(), before)?;
        // Restarted under its name, it gets its share back.
        let mut again = Worker::of(&job, "w0")?;
        again.await_log("claimed splits=2", PATIENCE)?;
        sleep(SETTLED);
        hand_over(second)?;
        hand_over(again)?;
        Ok(loading.join().ok().context("the load generator panicked")??.records())
    })?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, loaded)?;
    Ok(())
}
