//! `cargo xtask measure`: rate, memory, first record, and what a reader sees of kills and hand-overs.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use velostream_testkit::load::{Codec, LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::{Fleet, FleetOptions};
use velostream_testkit::services::{ClusterOptions, Footprint, KafkaCluster, services_dir};
use velostream_testkit::stall::StallWatch;

use crate::demo::build;
use crate::usage::Usage;

/// What `cargo xtask measure` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Records of 100 B for the rate.
    #[arg(long, default_value_t = 6_000_000)]
    records: u64,
    /// Kills, and hand-overs, to take the worst of.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than session and take-over together.
const ROUND: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// When a server or a worker does not do what it should.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let binary = build()?;
    let options = |name| ClusterOptions { footprint: Footprint::Normal, ..ClusterOptions::for_test(name) };
    let clusters = KafkaCluster::start_all(vec![options("measure-source"), options("measure-sink")])?;
    let [source, sink] = clusters.as_slice() else { bail!("two clusters were asked for") };
    let dir = services_dir().join(format!("measure-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let bench = Bench { binary, source: source.bootstrap(), sink: sink.bootstrap(), dir };
    bench.rate(arguments.records)?;
    bench.liveness(arguments.rounds)?;
    fs::remove_dir_all(&bench.dir).ok();
    Ok(())
}

struct Bench {
    binary: PathBuf,
    source: String,
    sink: String,
    dir: PathBuf,
}

impl Bench {
    fn job(&self, topic: &str) -> Result<PathBuf> {
        let path = self.dir.join(format!("{topic}.yaml"));
        let text = format!(
            "job: {topic}\nsource: {{ kafka: {{ bootstrap_servers: \"{}\", topics: [\"{topic}\"] }} }}\nsink: {{ kafka: {{ bootstrap_servers: \"{}\" }} }}\nstate_dir: \"{}\"\n",
            self.source,
            self.sink,
            self.dir.join("state").display(),
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// 100 B, lz4, 1 MB source batches, one worker: cold brokers, warm ones, and twice as many records, where the
    /// start weighs half as much.
    fn rate(&self, records: u64) -> Result<()> {
        let mut warm = Duration::ZERO;
        for (topic, records) in [("rate-cold", records), ("rate", records), ("rate-double", records * 2)] {
            create_topic(&self.source, topic, PARTITIONS, &[("retention.ms", "-1")])?;
            produce(
                &self.source,
                &LoadPlan::uniform(topic, PARTITIONS, records, 100, Codec::Lz4, 1_000_000),
            )?;
            let (took, used) = self.copy(topic)?;
            #[allow(clippy::cast_precision_loss, reason = "counts of records fit 53 bits")]
            let n = records as f64;
            println!(
                "{topic}: {records} records in {:.2} s from start to exit: {:.0} records/s, {:.3} us CPU per record, {:.0} MB peak",
                took.as_secs_f64(),
                n / took.as_secs_f64(),
                used.cpu.as_secs_f64() * 1e6 / n,
                used.peak_mb(),
            );
            match topic {
                "rate" => warm = took,
                "rate-double" => {
                    let more = took.saturating_sub(warm).max(Duration::from_millis(1));
                    println!(
                        "rate without start and exit (the second half of it): {:.0} records/s",
                        n / 2.0 / more.as_secs_f64()
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// One worker from its start to its exit at the end of the topic.
    fn copy(&self, topic: &str) -> Result<(Duration, Usage)> {
        let job = self.job(topic)?;
        let began = Instant::now();
        let mut child = Command::new(&self.binary)
            .arg("run")
            .arg(job)
            .args(["--until-caught-up", "--instance", "w0", "--no-progress"])
            .stderr(Stdio::null())
            .spawn()?;
        let used = watch(&mut child)?;
        Ok((began.elapsed(), used))
    }

    /// A steady stream, and a reader of the sink that counts how long nothing comes.
    fn liveness(&self, rounds: u32) -> Result<()> {
        let topic = "steady";
        create_topic(&self.source, topic, PARTITIONS, &[("retention.ms", "-1")])?;
        create_topic(&self.sink, topic, PARTITIONS, &[("retention.ms", "-1")])?;
        let seconds = u64::from(rounds) * 2 * (ROUND.as_secs() + 4) + 60;
        let plan = LoadPlan {
            records_per_second: 4000,
            ..LoadPlan::uniform(topic, PARTITIONS, 4000 * seconds, 100, Codec::Lz4, 16_000)
        };
        let bootstrap = self.source.clone();
        thread::spawn(move || produce(&bootstrap, &plan));
        thread::sleep(Duration::from_secs(2));
        let reader = StallWatch::start(&self.sink, topic, PARTITIONS)?;
        thread::sleep(Duration::from_secs(1));
        let job = self.job(topic)?;
        let one = |workers| FleetOptions {
            binary: self.binary.clone(),
            job: job.clone(),
            dir: self.dir.clone(),
            workers,
        };
        let mut fleet = Fleet::start(one(1))?;
        println!("start of a new job to first record visible: {:?}", reader.next_arrival(PATIENCE)?);
        thread::sleep(Duration::from_secs(3));
        let mut worst = Duration::ZERO;
        for _ in 0..rounds {
            fleet.kill(0)?;
            thread::sleep(Duration::from_millis(500));
            fleet.revive(0)?;
            worst = worst.max(reader.next_arrival(PATIENCE)?);
            thread::sleep(Duration::from_secs(2));
        }
        println!(
            "sole worker killed with -9 and started again, restart to next record visible, worst of {rounds}: {worst:?}"
        );
        fleet.stop_all()?;
        let mut fleet = Fleet::start(one(2))?;
        thread::sleep(Duration::from_secs(4));
        self.stalls(&mut fleet, &reader, rounds, "kill -9 of one of two workers", Fleet::kill)?;
        self.stalls(&mut fleet, &reader, rounds, "SIGTERM of one of two workers", Fleet::stop)?;
        fleet.stop_all()?;
        println!(
            "commits refused by the broker over all of it: {}",
            self.count("the transaction was refused")?
        );
        Ok(())
    }

    fn stalls(
        &self,
        fleet: &mut Fleet,
        reader: &StallWatch,
        rounds: u32,
        what: &str,
        deed: impl Fn(&mut Fleet, usize) -> Result<()>,
    ) -> Result<()> {
        let mut all = Vec::new();
        for round in 0..rounds {
            let victim = usize::try_from(round % 2)?;
            reader.reset();
            deed(fleet, victim)?;
            thread::sleep(ROUND);
            all.push(reader.longest());
            fleet.revive(victim)?;
            thread::sleep(Duration::from_secs(4));
        }
        let worst = all.iter().max().copied().unwrap_or_default();
        println!(
            "{what}: longest stall of a read_committed reader, worst of {rounds}: {worst:?} (all: {all:?})"
        );
        Ok(())
    }

    /// Lines of the workers' logs that hold `text`.
    fn count(&self, text: &str) -> Result<usize> {
        let mut lines = 0;
        for worker in ["w0", "w1"] {
            let log = fs::read_to_string(self.dir.join(worker).join("server.log"))?;
            lines += log.lines().filter(|l| l.contains(text)).count();
        }
        Ok(lines)
    }
}

/// Waits for the end of a process and looks at what it uses meanwhile.
fn watch(child: &mut Child) -> Result<Usage> {
    let mut used = Usage::default();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("the worker failed with {status}");
            }
            return Ok(used);
        }
        used = Usage::of(child.id()).unwrap_or(used);
        thread::sleep(Duration::from_millis(5));
    }
}
