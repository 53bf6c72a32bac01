//! `cargo xtask demo`: from a fresh machine to a verified report, with two real Kafka clusters and kills.

mod console;
mod oddities;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use velostream_testkit::load::{LoadPlan, create_topic, end_offsets, produce};
use velostream_testkit::nemesis::{Fleet, FleetOptions, Torment, until};
use velostream_testkit::services::{ClusterOptions, KafkaCluster, Prerequisite, ensure, services_dir};

use oddities::Oddities;

/// What `cargo xtask demo` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Records at the start; a third more follows while workers are killed.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 6)]
    partitions: i32,
    /// Workers.
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Workers killed with -9.
    #[arg(long, default_value_t = 8)]
    kills: u32,
    /// Workers paused past the session timeout, then continued as zombies.
    #[arg(long, default_value_t = 3)]
    pauses: u32,
    /// Seed of the records and of the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Feature level of the sink's transaction protocol: 2 (KIP-890) or 0.
    #[arg(long, default_value_t = 2)]
    transaction_version: u16,
}

const TOPIC: &str = "orders";
const SESSION: Duration = Duration::from_secs(6);
/// Longest time between two faults.
const GAP: Duration = Duration::from_secs(3);

/// Runs the command.
///
/// # Errors
/// When anything does not come out as promised.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    ensure(&[Prerequisite::Java, Prerequisite::Maven])?;
    let binary = build()?;
    let built = Instant::now();
    println!("two Kafka clusters ...");
    let clusters = KafkaCluster::start_all(vec![
        ClusterOptions::for_test("demo-source"),
        ClusterOptions::for_test("demo-sink").transaction_version(arguments.transaction_version),
    ])?;
    let [source, sink] = clusters.as_slice() else { bail!("two clusters were asked for") };
    let dir = services_dir().join(format!("demo-{}", std::process::id()));
    let job = write_job(&dir, source, sink)?;
    println!("  source {}  sink {}  job {}", source.bootstrap(), sink.bootstrap(), job.display());
    create_topic(&source.bootstrap(), TOPIC, arguments.partitions, &[("retention.ms", "-1")])?;
    let plan = LoadPlan::realistic(TOPIC, arguments.partitions, arguments.records, arguments.seed);
    let loaded = produce(&source.bootstrap(), &plan)?;
    println!(
        "loaded {} records, mixed sizes and codecs, in {:.1} s",
        loaded.records(),
        loaded.elapsed.as_secs_f64()
    );
    let mut oddities = Oddities::create(source.bootstrap())?;
    println!(
        "loaded {} records more that no librdkafka producer can send: header names that are not UTF-8 ({}), \
         timestamp 0, null keys, tombstones, repeated headers",
        oddities.records(),
        oddities.names_not_utf8()
    );
    let options = FleetOptions {
        binary: binary.clone(),
        job: job.clone(),
        dir: dir.clone(),
        workers: arguments.workers,
    };
    let more = torment(arguments, &plan, (source, sink), &mut oddities, options)?;
    catch_up(&binary, &job)?;
    let verified = verify(&binary, &job)?;
    expect_count(source, sink, loaded.records() + more + oddities.records())?;
    fs::remove_dir_all(&dir).ok();
    println!("\nvelostream verify:\n{verified}");
    println!(
        "demo: {:.0} s, and {:.0} s to build",
        built.elapsed().as_secs_f64(),
        (built - began).as_secs_f64()
    );
    Ok(())
}

/// The program as users get it.
pub(crate) fn build() -> Result<PathBuf> {
    println!("building velostream (release) ...");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(["build", "--release", "--quiet", "--package", "velostream-cli"])
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the program does not build");
    }
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.join("release/velostream").into_std_path_buf())
}

fn write_job(dir: &Path, source: &KafkaCluster, sink: &KafkaCluster) -> Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let job = dir.join("demo.yaml");
    let text = format!(
        "job: demo\nsource: {{ kafka: {{ bootstrap_servers: \"{}\", topics: [\"{TOPIC}\", \"{}\"] }} }}\nsink: {{ kafka: {{ bootstrap_servers: \"{}\", session_timeout: {}s }} }}\nstate_dir: \"{}\"\n",
        source.bootstrap(),
        Oddities::TOPIC,
        sink.bootstrap(),
        SESSION.as_secs(),
        dir.join("state").display(),
    );
    fs::write(&job, text)?;
    Ok(job)
}

/// Workers at work and under fire, while more records arrive. Returns how many arrived in the topic of the plan.
fn torment(
    arguments: &Arguments,
    plan: &LoadPlan,
    (source, sink): (&KafkaCluster, &KafkaCluster),
    oddities: &mut Oddities,
    options: FleetOptions,
) -> Result<u64> {
    let torment = Torment {
        seed: arguments.seed,
        kills: arguments.kills,
        pauses: arguments.pauses,
        pause: SESSION + Duration::from_secs(2),
        gap: GAP,
    };
    let more = arguments.records / 3;
    let faults = u64::from(arguments.kills + arguments.pauses).max(1);
    let trickle = LoadPlan {
        records: more,
        // Spread over the time that the faults take (5/8 of the gap each), so that each of them meets data in flight.
        records_per_second: (more * 8 / (faults * GAP.as_secs() * 5)).max(1),
        run: plan.run,
        first_sequence: arguments.records.div_ceil(u64::try_from(arguments.partitions)?),
        ..plan.clone()
    };
    println!(
        "{} workers, {} kills, {} pauses past the session:",
        arguments.workers, arguments.kills, arguments.pauses
    );
    let mut fleet = Fleet::start(options)?;
    // A worker that is killed before it owns anything proves nothing.
    let sink = sink.bootstrap();
    let filled = usize::try_from(arguments.records.min(u64::try_from(arguments.partitions)?))?;
    until(|| {
        end_offsets(&sink, TOPIC).is_ok_and(|ends| ends.iter().filter(|end| **end > 0).count() >= filled)
    })
    .context("the workers do not deliver to every partition")?;
    let started = Instant::now();
    let bootstrap = source.bootstrap();
    let before = oddities.records();
    let stop = AtomicBool::new(false);
    let loaded = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&bootstrap, &trickle));
        let odd = scope.spawn(|| oddities.send_until(&stop).map(|()| oddities.records() - before));
        let done =
            torment.run(&mut fleet, |deed| println!("  {:>5.1} s  {deed}", started.elapsed().as_secs_f64()));
        stop.store(true, Ordering::Relaxed);
        let odd = odd.join().map_err(|_| anyhow!("the writer of odd batches panicked"))??;
        let loaded = loading.join().map_err(|_| anyhow!("the load generator panicked"))??.records();
        done?;
        println!("loaded {} more records meanwhile, {odd} of them odd", loaded + odd);
        Ok(loaded)
    })?;
    fleet.check()?;
    fleet.stop_all()?;
    Ok(loaded)
}

fn catch_up(binary: &Path, job: &Path) -> Result<()> {
    println!("one more worker for the rest: velostream run --until-caught-up");
    let status = Command::new(binary)
        .arg("run")
        .arg(job)
        .args(["--until-caught-up", "--instance", "last"])
        .status()?;
    if !status.success() {
        bail!("the last worker failed with {status}");
    }
    Ok(())
}

fn verify(binary: &Path, job: &Path) -> Result<String> {
    let output = Command::new(binary).arg("verify").arg(job).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("not clean:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// Kafka's console consumer has to count, in both clusters, as many records as were sent.
fn expect_count(source: &KafkaCluster, sink: &KafkaCluster, sent: u64) -> Result<()> {
    let (source, sink) = console::count(source, sink, &[TOPIC, Oddities::TOPIC], sent)?;
    println!(
        "{sent} records sent; Kafka's own console consumer (read_committed) counts {source} in the source, {sink} in the sink"
    );
    if (source, sink) != (sent, sent) {
        bail!("the console consumer counts {source} records in the source and {sink} in the sink, of {sent}");
    }
    Ok(())
}
