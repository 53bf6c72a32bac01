//! `cargo xtask sim`: simulated histories by seed, or every fault, pair of faults and zombie of a small job.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;
use velostream_protocol::kafka_lane::TransactionVersion;
use velostream_sim::{Plan, Search, pairs, plan, replay, run as run_plan, shrink, singles, zombies};

/// What `cargo xtask sim` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run the history of this seed and print what happens.
    #[arg(long, conflicts_with_all = ["seeds", "pairs", "zombies", "singles"])]
    seed: Option<u64>,
    /// Run so many seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run every single fault of a small job instead.
    #[arg(long)]
    singles: bool,
    /// Run every pair of faults of a small job instead.
    #[arg(long)]
    pairs: bool,
    /// Run every zombie of a small job instead: paused at any request, resumed at any later moment.
    #[arg(long)]
    zombies: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

/// Every so many seeds a history is run twice, and must be the same.
const TWICE: u64 = 100;

/// Runs the command.
///
/// # Errors
/// When a history breaks a promise, or is not the same when it is run again.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(seed) = arguments.seed {
        return one(seed);
    }
    // One thread takes every so-manieth first fault.
    let threads = usize::try_from(arguments.threads.max(1)).unwrap_or(1);
    let searches: [(bool, &str, SearchPart); 3] = [
        (arguments.singles, "single faults", |version, _, part| match part {
            0 => singles(version),
            _ => Search::default(),
        }),
        (arguments.zombies, "zombies", zombies),
        (arguments.pairs, "pairs of faults", pairs),
    ];
    if !searches.iter().any(|(wanted, ..)| *wanted) {
        return many(arguments);
    }
    searches
        .iter()
        .filter(|(wanted, ..)| *wanted)
        .try_for_each(|(_, name, part)| exhaust(name, *part, threads))
}

fn one(seed: u64) -> Result<()> {
    let plan = plan(seed);
    println!("{plan:#?}");
    let history = replay(&plan);
    println!("{}", history.trace.join("\n"));
    println!(
        "{} requests, {} faults, {} events, {} simulated ms, hash {:016x}",
        history.points, history.fired, history.events, history.simulated_ms, history.hash
    );
    match history.violation {
        Some(violation) => bail!("seed {seed}: {violation}"),
        None => Ok(()),
    }
}

/// One part of an exhaustive search: transaction protocol, how many parts there are, which one.
type SearchPart = fn(TransactionVersion, usize, usize) -> Search;

fn exhaust(name: &str, part: SearchPart, parts: usize) -> Result<()> {
    for version in [TransactionVersion::V2, TransactionVersion::V1] {
        let began = Instant::now();
        let found: Vec<Search> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..parts).map(|n| scope.spawn(move || part(version, parts, n))).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        ensure!(found.len() == parts, "a thread of the search panicked");
        let histories = found.iter().map(|search| search.histories).sum();
        let failures: Vec<_> = found.iter().flat_map(|search| &search.failures).collect();
        println!("{version:?}, {name}: {}, {} fail", rate(histories, began), failures.len());
        if let Some((plan, _)) = failures.first() {
            return Err(broken(plan, failures.len()));
        }
    }
    Ok(())
}

/// A history is a function of its seed; this one was not.
const UNLIKE: &str = "not the same when run again";

fn many(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let (next, failed, first, faults) =
        (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(u64::MAX), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.from + number;
                    let plan = plan(seed);
                    let history = run_plan(&plan);
                    faults.fetch_add(history.fired, Ordering::Relaxed);
                    let again = number % TWICE != 0 || run_plan(&plan).hash == history.hash;
                    if history.violation.is_some() || !again {
                        let what = history.violation.map_or_else(|| UNLIKE.to_owned(), |v| v.to_string());
                        println!("seed {seed}: {what}");
                        failed.fetch_add(1, Ordering::Relaxed);
                        first.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!("{}, {} faults", rate(arguments.seeds, began), faults.into_inner());
    let failed = failed.into_inner();
    if failed > 0 {
        let seed = first.into_inner();
        println!("{failed} seeds fail; the first: {seed}");
        return Err(broken(&plan(seed), usize::try_from(failed).unwrap_or(usize::MAX)));
    }
    Ok(())
}

fn rate(histories: u64, began: Instant) -> String {
    let seconds = began.elapsed().as_secs_f64();
    let count = u32::try_from(histories).map_or(f64::MAX, f64::from);
    format!("{histories} histories in {seconds:.1} s, {:.0} a second", count / seconds)
}

fn broken(plan: &Plan, count: usize) -> anyhow::Error {
    let (small, history) = shrink(plan);
    let what = history.violation.map_or_else(|| UNLIKE.to_owned(), |v| v.to_string());
    anyhow::anyhow!(
        "{count} histories fail; the first, without the faults that do not matter: {what}\n{small:#?}"
    )
}
