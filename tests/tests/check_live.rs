//! `velostream check --live` against real clusters: what it sees, what it calls a problem, and that it changes nothing.
//! And `velostream verify`: that it says nothing where there is nothing to say.

#![allow(clippy::print_stdout, reason = "what the program says is worth reading")]

use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::load::{LoadPlan, create_topic, end_offsets, produce};
use velostream_testkit::nemesis::{Ended, Job, run};
use velostream_testkit::services::KafkaPair;

const LIMIT: Duration = Duration::from_secs(60);

/// Two clusters, a directory, and names that nobody else uses.
struct Trial {
    pair: KafkaPair,
    dir: tempfile::TempDir,
    name: String,
}

impl Trial {
    fn new(name: &str) -> Result<Self> {
        let pair = KafkaPair::get()?;
        let name = pair.topic(name);
        Ok(Self { pair, dir: tempfile::tempdir()?, name })
    }

    fn job(&self, topics: &[&str]) -> Job {
        Job::kafka(&self.name, self.dir.path(), &self.pair.source, &self.pair.sink, topics)
    }

    fn topic(&self, tail: &str) -> String {
        format!("{}.{tail}", self.name)
    }
}

fn check(job: &Job) -> Result<Ended> {
    let path = job.write()?;
    let ended = run(&["check", &path.display().to_string(), "--live"], LIMIT)?;
    // Seen with --nocapture.
    println!("{}", ended.stdout);
    Ok(ended)
}

fn expect(ended: &Ended, code: i32, words: &[&str]) -> Result<()> {
    let found = words.iter().find(|word| !ended.stdout.contains(**word));
    ensure!(ended.code == Some(code) && found.is_none(), "expected {code}, {found:?}: {ended:#?}");
    Ok(())
}

#[test]
fn job_that_can_start_is_ready_and_nothing_was_created_by_asking() -> Result<()> {
    let trial = Trial::new("ready")?;
    let (a, b, skipped) = (trial.topic("a"), trial.topic("b"), trial.topic("skipped"));
    for (topic, partitions) in [(&a, 3), (&b, 1), (&skipped, 7)] {
        create_topic(&trial.pair.source, topic, partitions, &[])?;
    }
    let job = trial.job(&[&format!("/{}\\..*/", trial.name)]).source(&format!("exclude: [\"{skipped}\"]"));
    let journal = format!("__velostream.{}, ", trial.name);
    for _ in 0..2 {
        let ended = check(&job)?;
        expect(&ended, 0, &["2 topics, 4 partitions", "transactions  possible, transaction.version 2"])?;
        expect(&ended, 0, &[&a, &b, &format!("{journal}to be created"), "\nready: nothing stands"])?;
    }
    ensure!(end_offsets(&trial.pair.sink, &a).is_err(), "asking has created {a}");

    let ran = job.run_until_caught_up("w0")?;
    ensure!(ran.code == Some(0), "{ran:#?}");
    let ended = check(&job)?;
    expect(&ended, 0, &["present", &format!("{journal}4 partitions: the job has run before")])?;
    ensure!(!ended.stdout.contains("to be created"), "{ended:#?}");
    Ok(())
}

#[test]
fn verification_of_an_equal_sink_says_nothing_but_its_report() -> Result<()> {
    let trial = Trial::new("equal")?;
    let topic = trial.topic("a");
    create_topic(&trial.pair.source, &topic, 2, &[("retention.ms", "-1")])?;
    produce(&trial.pair.source, &LoadPlan::realistic(&topic, 2, 500, 7))?;
    let job = trial.job(&[&topic]);
    let ran = job.run_until_caught_up("w0")?;
    ensure!(ran.code == Some(0), "{ran:#?}");
    let ended = run(&["verify", &job.path().display().to_string()], LIMIT)?;
    expect(&ended, 0, &["identical: "])?;
    ensure!(ended.stderr.is_empty(), "{ended:#?}");
    Ok(())
}

#[test]
fn whatever_would_stop_the_job_is_named_with_its_code() -> Result<()> {
    let trial = Trial::new("blocked")?;
    let (few, late, internal) = (trial.topic("few"), trial.topic("late"), format!("__{}", trial.name));
    for topic in [&few, &late, &internal] {
        create_topic(&trial.pair.source, topic, 3, &[])?;
    }
    create_topic(&trial.pair.sink, &few, 1, &[("max.message.bytes", "1000"), ("retention.ms", "3600000")])?;
    create_topic(&trial.pair.sink, &late, 3, &[("message.timestamp.type", "LogAppendTime")])?;
    let missing = trial.topic("none");
    let expression = format!("/{internal}.*/");
    let ended = check(&trial.job(&[&few, &late, &missing, &expression]))?;
    let codes = ["VS-0020 source: topic ", "VS-0021 source: /__", "VS-0022 sink: ", "VS-0023 sink: "];
    expect(&ended, 1, &codes)?;
    expect(&ended, 1, &["1 of 3", "max.message.bytes=1000", "message.timestamp.type=LogAppendTime"])?;
    expect(&ended, 1, &["retention.ms=3600000: the source keeps 604800000"])?;
    ensure!(!ended.stdout.contains("ready:"), "{ended:#?}");
    ensure!(ended.error_line().is_some(), "{ended:#?}");

    let job = trial.job(&[&internal]).sink("replication_factor: 3");
    expect(&check(&job)?, 1, &["VS-0014 sink: ", "INVALID_REPLICATION_FACTOR"])?;
    expect(&check(&job.sink("create_topics: false"))?, 1, &["VS-0020 sink: "])
}

#[test]
fn side_that_does_not_answer_exits_69_and_the_other_is_shown_all_the_same() -> Result<()> {
    let trial = Trial::new("half")?;
    let topic = trial.topic("a");
    create_topic(&trial.pair.source, &topic, 2, &[])?;
    // Port 1 of this host: nobody listens there.
    let job = Job::kafka(&trial.name, trial.dir.path(), &trial.pair.source, "127.0.0.1:1", &[&topic]);
    let ended = check(&job)?;
    expect(&ended, 69, &["1 topic, 2 partitions", "not reachable", "VS-0010 sink: "])?;
    ensure!(ended.error_line().is_some_and(|line| line.starts_with("error: VS-0010")), "{ended:#?}");
    Ok(())
}
