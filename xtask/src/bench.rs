//! `cargo xtask bench`: replicators side by side on one machine, in one run.

mod at_least_once;
mod ceiling;
mod contender;
mod cores;
mod replicator;
mod scenario;
mod stores;
mod table;
mod visible;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use velostream_testkit::load::{Codec, LoadPlan, create_topic, delete_topic, end_offsets, produce};
use velostream_testkit::services::{ClusterOptions, Footprint, KafkaCluster, RedisServer, services_dir};

use crate::demo::build;
use crate::usage::Usage;
use contender::{Contender, Route};
use replicator::Replicator;
use scenario::{SCENARIOS, Scenario};
use table::{Figures, Table};

/// What `cargo xtask bench` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Records of a scenario with values of 100 B; larger ones get fewer.
    #[arg(long, default_value_t = 6_000_000)]
    records: u64,
    /// Runs of each contender that count, one after the other in turns; the median is shown.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Rounds before these that do not count: a broker that has just started still compiles its code.
    #[arg(long, default_value_t = 1)]
    warm_up: u32,
    /// Scenarios, all by default: SIZExBATCHxPARTITIONS, for example 100x1000000x4.
    #[arg(long)]
    scenario: Vec<String>,
    /// Contenders; by default all that need no state store.
    #[arg(long, value_enum)]
    only: Vec<Contender>,
    /// `sink.kafka.merge_below` of the velostream contenders that do not say otherwise, for example 128KiB.
    #[arg(long)]
    merge_below: Option<String>,
    /// Give the sink's broker a core of its own and everything else the others: what a contender does with a sink whose
    /// broker is not slowed down by it.
    #[arg(long)]
    sink_core: bool,
    /// Do not count the rate before so many percent of the records are visible: a broker compiles its code anew for
    /// each contender.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=90))]
    count_from: u64,
    /// Kill each replicator with -9 once half of the records are visible, and start it again at once.
    #[arg(long)]
    kill: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// State stores in place of replicators: time, calls and bytes of a batch of ids, beside one key per id.
    Stores(stores::Arguments),
}

/// Records that are made for a scenario; more repeat their batches.
const MADE: u64 = 8_000_000;

/// How often each contender runs.
#[derive(Debug, Clone, Copy)]
struct Rounds {
    warm_up: u32,
    counted: u32,
}

/// Runs the command.
///
/// # Errors
/// When a server or a contender does not do what it should.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(What::Stores(arguments)) = &arguments.what {
        return stores::run(arguments);
    }
    let contenders =
        if arguments.only.is_empty() { Contender::REPLICATORS.to_vec() } else { arguments.only.clone() };
    refuse_repeated(&contenders, arguments.records)?;
    let program = build()?;
    let options = |name| ClusterOptions { footprint: Footprint::Normal, ..ClusterOptions::for_test(name) };
    let clusters = KafkaCluster::start_all(vec![options("bench-source"), options("bench-sink")])?;
    let [source, sink] = clusters.as_slice() else { bail!("two clusters were asked for") };
    if arguments.sink_core {
        cores::give_a_core(sink, source)?;
    }
    let dir = services_dir().join(format!("bench-{}", std::process::id()));
    let scenarios = if arguments.scenario.is_empty() {
        SCENARIOS.to_vec()
    } else {
        arguments.scenario.iter().map(|s| Scenario::parse(s)).collect::<Result<_>>()?
    };
    let wants_redis = contenders.iter().any(|contender| contender.needs_redis());
    let redis = wants_redis.then(|| RedisServer::start("bench", &[])).transpose()?;
    let (kill, count_from) = (arguments.kill, arguments.count_from);
    let redis = redis.as_ref().map(RedisServer::url).unwrap_or_default();
    let merge_below = arguments.merge_below.clone();
    let bench = Bench { program, source, sink, dir, redis, merge_below, kill, count_from };
    for scenario in scenarios {
        let rounds = Rounds { warm_up: arguments.warm_up, counted: arguments.rounds.max(1) };
        bench.scenario(scenario, &contenders, scenario.records(arguments.records), rounds)?;
    }
    fs::remove_dir_all(&bench.dir).ok();
    Ok(())
}

/// Whoever tells records apart by what they hold leaves out what repeats, and would never be done.
fn refuse_repeated(contenders: &[Contender], records: u64) -> Result<()> {
    match contenders.iter().find(|contender| contender.tells_by_content()) {
        Some(contender) if records > MADE => bail!(
            "{}: what is more than {MADE} records repeats earlier ones, which this contender leaves out; take --records \
             {MADE} or fewer",
            contender.name()
        ),
        _ => Ok(()),
    }
}

struct Bench<'a> {
    program: PathBuf,
    source: &'a KafkaCluster,
    sink: &'a KafkaCluster,
    dir: PathBuf,
    /// Where the Redis server is, if a contender needs one.
    redis: String,
    /// Below how many bytes batches are joined, where that is not the default.
    merge_below: Option<String>,
    /// Whether replicators are killed half way.
    kill: bool,
    /// Percent of the records that are visible before the rate is counted.
    count_from: u64,
}

impl Bench<'_> {
    fn scenario(
        &self,
        scenario: Scenario,
        contenders: &[Contender],
        records: u64,
        rounds: Rounds,
    ) -> Result<()> {
        let (name, partitions) = (scenario.name(), scenario.partitions);
        println!(
            "\n## {name}: {records} records of {} B, lz4, source batches of {} B, {partitions} partitions",
            scenario.size, scenario.batch
        );
        let topic = format!("bench-{name}");
        let source = self.source.bootstrap();
        create_topic(&source, &topic, partitions, &[("retention.ms", "-1")])?;
        let records = self.fill(scenario, &topic, records)?;
        let mut table = Table::new(scenario.size);
        for round in 0..rounds.warm_up + rounds.counted {
            for contender in contenders {
                let run = format!("b{name}-{}-{round}", contender.name());
                let figures =
                    self.one(*contender, partitions, (&topic, &run), records).with_context(|| run.clone())?;
                eprintln!("{run}: {:.0} records/s", figures.per_second);
                if round >= rounds.warm_up {
                    table.add(*contender, figures);
                }
            }
        }
        print!("{table}");
        delete_topic(&source, &topic)
    }

    /// Fills the topic of the source, what is more than [`MADE`] with batches that are there already; returns how many
    /// records it holds.
    fn fill(&self, scenario: Scenario, topic: &str, records: u64) -> Result<u64> {
        let Scenario { size, batch, partitions } = scenario;
        let source = self.source.bootstrap();
        let made = records.min(MADE);
        produce(&source, &LoadPlan::uniform(topic, partitions, made, size, Codec::Lz4, batch))?;
        if records > made {
            let (run, dir) = ("filling", self.dir.as_path());
            let (redis, merge_below) = ("", None);
            let route =
                Route { source: &source, sink: &source, topic, run, partitions, dir, redis, merge_below };
            ceiling::run(&route, records - made)?;
        }
        let ends = end_offsets(&source, topic)?;
        Ok(u64::try_from(ends.iter().sum::<i64>())?)
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
        let (redis, merge_below) = (self.redis.as_str(), self.merge_below.as_deref());
        let route =
            Route { source: &source, sink: &sink, topic, run, partitions, dir: &dir, redis, merge_below };
        let before = (cpu(self.source)?, cpu(self.sink)?);
        let began = Instant::now();
        let patience = contender.patience(records);
        let wanted = visible::Wanted { records, count_from: records * self.count_from / 100, patience };
        let (arrival, client) = if contender == Contender::Ceiling {
            // The last batches may be one short of the count.
            let wanted = visible::Wanted { records: records - records / 100, ..wanted };
            in_this_process(&route, wanted, || ceiling::run(&route, records))?
        } else if matches!(contender, Contender::AtLeastOnce | Contender::AtLeastOnceDeduplicated) {
            let deduplicated = contender == Contender::AtLeastOnceDeduplicated;
            in_this_process(&route, wanted, || at_least_once::run(&route, deduplicated))?
        } else {
            let mut replicator = Replicator::start(self, contender, &route)?;
            let mut left_to_kill = self.kill;
            let arrival = visible::watch((&sink, topic, partitions), wanted, began, |visible| {
                if left_to_kill && visible >= records / 2 {
                    left_to_kill = false;
                    replicator.kill_and_start_again()?;
                }
                replicator.ensure_running()
            })
            .with_context(|| format!("see the logs in {}", dir.display()))?;
            let used = replicator.stop()?;
            (arrival, used)
        };
        let source_used = cpu(self.source)?.saturating_sub(before.0);
        let sink_used = cpu(self.sink)?.saturating_sub(before.1);
        delete_topic(&sink, topic)?;
        #[allow(clippy::cast_precision_loss, reason = "counts of records fit 53 bits")]
        let (records, moved) = (records as f64, arrival.moved as f64);
        let moving = arrival.last.saturating_sub(arrival.counted_from).max(Duration::from_millis(1));
        Ok(Figures {
            per_second: moved / moving.as_secs_f64(),
            first: arrival.first,
            stall: arrival.stall,
            client,
            source: source_used,
            sink: sink_used,
            records,
        })
    }
}

/// Sends from a thread of this process while the records become visible.
fn in_this_process(
    route: &Route<'_>,
    wanted: visible::Wanted,
    send: impl FnOnce() -> Result<()> + Send,
) -> Result<(visible::Arrival, Usage)> {
    let pid = std::process::id();
    let before = Usage::of(pid)?;
    let began = Instant::now();
    let arrival = std::thread::scope(|scope| -> Result<_> {
        let sending = scope.spawn(send);
        let arrival = visible::watch((route.sink, route.topic, route.partitions), wanted, began, |_| Ok(()))?;
        sending.join().ok().context("the sender panicked")??;
        Ok(arrival)
    })?;
    let after = Usage::of(pid)?;
    Ok((arrival, Usage { cpu: after.cpu.saturating_sub(before.cpu), peak_kib: after.peak_kib }))
}

/// Time that the processes of a cluster have used.
fn cpu(cluster: &KafkaCluster) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    for node in cluster.nodes() {
        cpu += Usage::of(node.pid().context("a broker is gone")?)?.cpu;
    }
    Ok(cpu)
}
