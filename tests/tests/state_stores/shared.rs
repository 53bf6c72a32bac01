//! Jobs that share ids: together they deliver each content once.

use std::collections::BTreeMap;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use velostream_testkit::load::{Codec, Random, create_topic, end_offsets, send};
use velostream_testkit::nemesis::{Ended, Job, NO_EXPIRY, PATIENCE, Scene, Worker, ends_well, until};
use velostream_testkit::services::KafkaPair;
use velostream_testkit::states::{Census, Lines, Repeated, StateServer};

use crate::metrics::Metrics;

const PARTITIONS: i32 = 3;
const KILLS: u64 = 6;
const DIFFERENT: u64 = 36_000;

fn ids(set: &str, window: &str) -> String {
    format!(
        "exactly_once: {{ record_id_strategy: content_hash, shared_ids: \"{set}\", deduplication_window: {window}, \
         transaction: {{ max_interval: 20ms, max_bytes: 64KiB }} }}"
    )
}

/// Runs both to their end at the same time: each may wait for the other.
fn finish(jobs: [&Job; 2]) -> Result<()> {
    let ended = thread::scope(|scope| {
        let runs = jobs.map(|job| scope.spawn(|| job.run_until_caught_up("w0")));
        runs.map(|run| run.join().unwrap_or_else(|_| Err(anyhow!("a run panicked"))))
    });
    ended.into_iter().try_for_each(|run| ends_well(&run?))
}

/// The same records in two topics, each in an order of its own and with repetitions; two jobs, of which one after the other
/// is killed in the middle of its work; a reader that counts each content over both destinations.
pub(crate) fn killed(_: &KafkaPair, server: &StateServer) -> Result<()> {
    let seed = 43;
    println!("seed {seed}");
    let mut random = Random::new(seed, 1);
    let scene = Scene::new(&format!("shared-{}", server.kind()))?;
    let sides = ["eu", "us"].map(|side| {
        let name = format!("{}-{side}", scene.name);
        let job = Job::kafka(&name, &scene.dir().join(side), &scene.source, &scene.sink, &[&name]);
        (format!("dr.{name}"), job.sink("topic: \"dr.{topic}\"").top(&ids("orders", "1h")))
    });
    let mut jobs = Vec::new();
    for (topic, job) in sides {
        std::fs::create_dir_all(&job.dir)?;
        create_topic(&scene.source, &job.name, PARTITIONS, &NO_EXPIRY)?;
        jobs.push((topic, server.give_at(job, &scene.name)?));
    }
    let [(eu, first), (us, second)] = jobs.as_slice() else { bail!("two jobs") };
    let start = |job: &Job| Worker::of(job, "w0");
    let mut workers = [Some(start(first)?), Some(start(second)?)];
    // The same seed makes the same records with the same repetitions; their partitions and batches differ.
    let (mut load, mut same) = (Repeated::new(seed, PARTITIONS), Repeated::new(seed, PARTITIONS));
    for kill in 0..KILLS {
        let (job, at) = if kill % 2 == 0 { (first, 0) } else { (second, 1) };
        // Which of the two delivers a part is not decided.
        let written = || written(&scene, eu).saturating_add(written(&scene, us));
        let before = written();
        let codec = if kill % 3 == 0 { Codec::Lz4 } else { Codec::Zstd };
        send(&scene.source, &first.name, codec, load.part(DIFFERENT / KILLS))?;
        let mut part = same.part(DIFFERENT / KILLS);
        part.rotate_left(usize::try_from(random.below(3000))?);
        send(&scene.source, &second.name, Codec::None, part)?;
        let victim = workers.get_mut(at).and_then(Option::take).context("it runs")?;
        until(|| written() > before).with_context(|| victim.log())?;
        sleep(Duration::from_millis(random.below(100)));
        victim.kill()?;
        if let Some(place) = workers.get_mut(at) {
            *place = Some(start(job)?);
        }
    }
    for worker in workers.into_iter().flatten() {
        worker.kill()?;
    }
    finish([first, second])?;
    let census = Census::of(&scene.sink, &[eu, us])?;
    let by_side = [eu, us].map(|topic| Census::read(&scene.sink, topic).map(|census| census.records));
    println!("twice {} records, {} different, delivered {by_side:?}", load.made(), load.different());
    census.expect(load.different(), |_| 1)
}

/// Offsets that the sink has given out so far; none before the topic is there.
fn written(scene: &Scene, topic: &str) -> i64 {
    end_offsets(&scene.sink, topic).map_or(0, |ends| ends.iter().sum())
}

/// Two jobs from the same lines, in one store.
struct Pair {
    lines: [Lines; 2],
    jobs: [Job; 2],
    _dir: tempfile::TempDir,
}

impl Pair {
    fn new(server: &StateServer, name: &str, window: [&str; 2]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let place = format!("{name}-{}", server.kind());
        let side = |side: &str, window: &str| -> Result<(Lines, Job)> {
            let lines = Lines::new(&dir.path().join(side), 20_000, 9)?;
            let job = lines.job(&format!("{place}-{side}")).top(&ids("lines", window));
            Ok((lines, server.give_at(job, &place)?))
        };
        let ((eu, first), (us, second)) = (side("eu", window[0])?, side("us", window[1])?);
        Ok(Self { lines: [eu, us], jobs: [first, second], _dir: dir })
    }

    fn expect_each_once(&self) -> Result<()> {
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for lines in &self.lines {
            lines.delivered()?.into_iter().for_each(|line| *times.entry(line).or_default() += 1);
        }
        let expected = self.lines[0].expected()?;
        let wrong = expected.iter().find(|line| times.get(*line) != Some(&1));
        ensure!(wrong.is_none() && times.len() == expected.len(), "{wrong:?}, {} lines", times.len());
        Ok(())
    }
}

fn show(job: &Job) -> Result<String> {
    let ended = job.command(&["state", "show"])?;
    ends_well(&ended)?;
    Ok(ended.stdout)
}

/// A job is killed while it holds ids: the other one waits for it by name, and goes on once it is back.
pub(crate) fn dead_job_is_waited_for(server: &StateServer) -> Result<()> {
    let pair = Pair::new(server, "waited", ["1h", "1h"])?;
    let [first, second] = &pair.jobs;
    let mut held = false;
    for attempt in 0..200_u64 {
        let worker = pair.lines[0].at_work(first)?;
        sleep(Duration::from_millis(attempt % 7));
        worker.kill()?;
        held = show(first)?.lines().any(|line| line.starts_with(&first.name) && line.contains(" ids"));
        if held {
            break;
        }
    }
    ensure!(held, "it is never killed while it holds ids: {}", show(first)?);
    let mut waiting = Worker::of(second, "w0")?;
    waiting.await_log("VS-0049", PATIENCE)?;
    ensure!(waiting.log().contains(&format!("{}.lane-0 has taken ids", first.name)), "{}", waiting.log());
    ends_well(&first.run_until_caught_up("w0")?)?;
    ends_well(&waiting.wait(PATIENCE)?)?;
    pair.expect_each_once()
}

/// An operator sees what the set costs.
pub(crate) fn calls_on_the_set_are_measured(server: &StateServer) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let place = format!("measured-{}", server.kind());
    let (lines, metrics) = (Lines::new(dir.path(), 300, 4)?, Metrics::new()?);
    let job = lines.job(&place).source("follow: true").top(&ids("lines", "1h")).top(&metrics.listen());
    let worker = Worker::of(&server.give_at(job, &place)?, "w0")?;
    until(|| metrics.delivered() == 300).with_context(|| worker.log())?;
    for call in ["enter", "take_ids", "promise_ids", "settle_ids"] {
        until(|| metrics.calls(call) > 0).with_context(|| format!("{call}: {}", worker.log()))?;
    }
    worker.kill()?;
    lines.expect_each_once()
}

/// What cannot be done with ids that jobs share is refused by name, and a job that is gone for good leaves the set.
pub(crate) fn refused(server: &StateServer) -> Result<()> {
    let pair = Pair::new(server, "refused", ["1h", "2h"])?;
    let [first, second] = &pair.jobs;
    ends_well(&first.run_until_caught_up("w0")?)?;
    let says = |ended: &Ended, texts: &[&str]| {
        let missing = texts.iter().find(|text| !ended.stderr.contains(**text));
        ensure!(ended.code != Some(0) && missing.is_none(), "{missing:?} in {ended:?}");
        Ok(())
    };
    let other = second.run_until_caught_up("w0")?;
    says(&other, &["VS-0001", "deduplication window of 7200000 ms", "one of 3600000 ms"])?;
    says(&first.command(&["state", "export"])?, &["VS-0001", "which jobs share"])?;
    let reset = first.command(&["state", "reset", "--execute"])?;
    ends_well(&reset)?;
    ensure!(reset.stdout.contains("its place in the ids that jobs share"), "{reset:?}");
    // Nobody has another window any more, and what was delivered stays so.
    ends_well(&second.run_until_caught_up("w0")?)?;
    ensure!(pair.lines[1].delivered()?.is_empty(), "delivered again");
    pair.expect_each_once()
}
