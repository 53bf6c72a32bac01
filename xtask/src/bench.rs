//! `cargo xtask bench`: replicators side by side on one machine, in one run.

mod ceiling;
mod contender;
mod cores;
mod scenario;
mod visible;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use velostream_kafka_batch::Compression;
use velostream_testkit::load::{Codec, LoadPlan, create_topic, delete_topic, produce};
use velostream_testkit::services::{ClusterOptions, Footprint, KafkaCluster, ServerProcess, services_dir};

use crate::demo::build;
use crate::usage::Usage;
use contender::{Contender, Route};
use scenario::{SCENARIOS, Scenario};

/// What `cargo xtask bench` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Records of a scenario with values of 100 B; larger ones get fewer.
    #[arg(long, default_value_t = 6_000_000)]
    records: u64,
    /// Runs of each contender; the best one counts, for everybody.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Scenarios, all by default: SIZExBATCHxPARTITIONS, for example 100x1000000x4.
    #[arg(long)]
    scenario: Vec<String>,
    /// Contenders, all by default.
    #[arg(long, value_enum)]
    only: Vec<Contender>,
    /// Give the sink's broker a core of its own and everything else the others: what a contender does with a sink whose
    /// broker is not slowed down by it.
    #[arg(long)]
    sink_core: bool,
}

/// One run.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Between the first and the last visible record.
    per_second: f64,
    first: Duration,
    client: Usage,
    source: Duration,
    sink: Duration,
    records: f64,
}

/// Runs the command.
///
/// # Errors
/// When a server or a contender does not do what it should.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let program = build()?;
    let options = |name| ClusterOptions { footprint: Footprint::Normal, ..ClusterOptions::for_test(name) };
    let clusters = KafkaCluster::start_all(vec![options("bench-source"), options("bench-sink")])?;
    let [source, sink] = clusters.as_slice() else { bail!("two clusters were asked for") };
    if arguments.sink_core {
        cores::give_a_core(sink, source)?;
    }
    let dir = services_dir().join(format!("bench-{}", std::process::id()));
    let bench = Bench { program, source, sink, dir };
    let scenarios = if arguments.scenario.is_empty() {
        SCENARIOS.to_vec()
    } else {
        arguments.scenario.iter().map(|s| Scenario::parse(s)).collect::<Result<_>>()?
    };
    let contenders = if arguments.only.is_empty() { Contender::ALL.to_vec() } else { arguments.only.clone() };
    for scenario in scenarios {
        bench.scenario(scenario, &contenders, scenario.records(arguments.records), arguments.rounds)?;
    }
    fs::remove_dir_all(&bench.dir).ok();
    Ok(())
}

struct Bench<'a> {
    program: PathBuf,
    source: &'a KafkaCluster,
    sink: &'a KafkaCluster,
    dir: PathBuf,
}

impl Bench<'_> {
    fn scenario(
        &self,
        scenario: Scenario,
        contenders: &[Contender],
        records: u64,
        rounds: u32,
    ) -> Result<()> {
        let (name, partitions) = (scenario.name(), scenario.partitions);
        println!(
            "\n## {name}: {records} records of {} B, lz4, source batches of {} B, {partitions} partitions",
            scenario.size, scenario.batch
        );
        println!(
            "| contender | records/s | MB/s | of the ceiling | x MM2 tuned | first record | client CPU us/record | source broker | sink broker | peak MB |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        let topic = format!("bench-{name}");
        let source = self.source.bootstrap();
        create_topic(&source, &topic, partitions, &[("retention.ms", "-1")])?;
        produce(
            &source,
            &LoadPlan::uniform(&topic, partitions, records, scenario.size, Codec::Lz4, scenario.batch),
        )?;
        let mut best: Vec<(Contender, Figures)> = Vec::new();
        for round in 0..rounds {
            for contender in contenders {
                let run = format!("b{name}-{}-{round}", contender.name());
                let figures =
                    self.one(*contender, partitions, (&topic, &run), records).with_context(|| run.clone())?;
                eprintln!("{run}: {:.0} records/s", figures.per_second);
                match best.iter_mut().find(|(c, _)| c == contender) {
                    Some((_, known)) if known.per_second >= figures.per_second => {}
                    Some((_, known)) => *known = figures,
                    None => best.push((*contender, figures)),
                }
            }
        }
        let rate = |wanted| best.iter().find(|(c, _)| *c == wanted).map(|(_, f)| f.per_second);
        let ratio = |of: Option<f64>, f: &Figures| {
            of.map_or_else(|| "-".to_owned(), |r| format!("{:.2}", f.per_second / r))
        };
        for (contender, f) in &best {
            println!(
                "| {} | {:.0} | {:.0} | {} | {} | {:.2} s | {:.3} | {:.3} | {:.3} | {:.0} |",
                contender.name(),
                f.per_second,
                f.per_second * f64::from(u32::try_from(scenario.size)?) / 1e6,
                ratio(rate(Contender::Ceiling), f),
                ratio(rate(Contender::MirrorMakerTuned), f),
                f.first.as_secs_f64(),
                f.client.cpu.as_secs_f64() * 1e6 / f.records,
                f.source.as_secs_f64() * 1e6 / f.records,
                f.sink.as_secs_f64() * 1e6 / f.records,
                f.client.peak_mb(),
            );
        }
        delete_topic(&source, &topic)
    }

    /// A fresh topic of the sink, filled from the source's, and deleted again.
    fn one(
        &self,
        contender: Contender,
        partitions: i32,
        (topic, run): (&str, &str),
        records: u64,
    ) -> Result<Figures> {
        let (source, sink) = (self.source.bootstrap(), self.sink.bootstrap());
        create_topic(&sink, topic, partitions, &[("retention.ms", "-1")])?;
        let dir = self.dir.join(run);
        let route = Route { source: &source, sink: &sink, topic, run, partitions, dir: &dir };
        let before = (cpu(self.source)?, cpu(self.sink)?);
        let began = Instant::now();
        let patience = contender.patience(records);
        let (arrival, client) = if contender == Contender::Ceiling {
            self.ceiling(&route, records, patience)?
        } else {
            let mut processes = contender::start(contender, &route, &self.program, self.sink.install())?;
            let alive = || processes.iter_mut().all(ServerProcess::is_running);
            let arrival = visible::watch(&sink, topic, partitions, records, (began, patience), alive)
                .with_context(|| format!("see the logs in {}", dir.display()))?;
            let mut used = Usage::default();
            for process in &processes {
                let one = Usage::of(process.pid().context("a process is gone")?)?;
                used = Usage { cpu: used.cpu + one.cpu, peak_kib: used.peak_kib.max(one.peak_kib) };
            }
            for mut process in processes {
                process.stop()?;
            }
            (arrival, used)
        };
        let source_used = cpu(self.source)?.saturating_sub(before.0);
        let sink_used = cpu(self.sink)?.saturating_sub(before.1);
        delete_topic(&sink, topic)?;
        #[allow(clippy::cast_precision_loss, reason = "counts of records fit 53 bits")]
        let (records, moved) = (records as f64, arrival.moved as f64);
        let moving = arrival.last.saturating_sub(arrival.first).max(Duration::from_millis(1));
        Ok(Figures {
            per_second: moved / moving.as_secs_f64(),
            first: arrival.first,
            client,
            source: source_used,
            sink: sink_used,
            records,
        })
    }

    fn ceiling(
        &self,
        route: &Route<'_>,
        records: u64,
        patience: Duration,
    ) -> Result<(visible::Arrival, Usage)> {
        let pid = std::process::id();
        let before = Usage::of(pid)?;
        let began = Instant::now();
        let arrival = std::thread::scope(|scope| -> Result<_> {
            let sending = scope.spawn(|| ceiling::run(route, records, Compression::Lz4));
            // The last batches may be one short of the count.
            let arrival = visible::watch(
                route.sink,
                route.topic,
                route.partitions,
                records - records / 100,
                (began, patience),
                || true,
            )?;
            sending.join().ok().context("the sender panicked")??;
            Ok(arrival)
        })?;
        let after = Usage::of(pid)?;
        Ok((arrival, Usage { cpu: after.cpu.saturating_sub(before.cpu), peak_kib: after.peak_kib }))
    }
}

/// Time that the processes of a cluster have used.
fn cpu(cluster: &KafkaCluster) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    for node in cluster.nodes() {
        cpu += Usage::of(node.pid().context("a broker is gone")?)?.cpu;
    }
    Ok(cpu)
}
