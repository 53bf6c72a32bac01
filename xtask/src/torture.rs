//! `cargo xtask torture`: rounds of faults at every state of the protocol, until the totals are reached.

mod console;
mod deeds;
mod goals;
mod interrupt;
mod judge;
mod progress;
pub(crate) mod report;
mod round;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use velostream_testkit::nemesis::{Side, Tally};
use velostream_testkit::proxy::Observer;
use velostream_testkit::services::{ClusterOptions, Prerequisite, ensure};

use goals::Goals;
use interrupt::Interrupt;
use progress::Progress;
use round::Round;

/// What `cargo xtask torture` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// No round begins after so many minutes.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// Seed of records, faults and their order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on after the last round of this seed instead of beginning anew.
    #[arg(long)]
    resume: bool,
    /// Run this one round again, with the faults that it had, and keep its directory. Nothing is counted.
    #[arg(long)]
    round: Option<u64>,
    /// The totals below which the command fails; an empty cell of a table makes it fail whatever they are.
    #[arg(long, default_value = "kills=300,zombies=60,restarts=20,commits=30,cuts=20")]
    require: Goals,
    /// Add no section to docs/TEST-REPORT.md.
    #[arg(long)]
    no_report: bool,
}

/// Runs the command.
///
/// # Errors
/// When a round does not come out as promised, or totals or cells are missing at the end.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    ensure(&[Prerequisite::Java, Prerequisite::Maven])?;
    let binary = program()?;
    let mut progress = Progress::open(arguments.seed, arguments.resume)?;
    let observer = Observer::new();
    println!("two Kafka clusters, transaction.version 2 and 0 ...");
    let options = vec![
        ClusterOptions::for_test("torture-new"),
        ClusterOptions::for_test("torture-old").transaction_version(0),
    ];
    let sides = Side::start_all(options, &observer)?;
    let [new, old] = sides.as_slice() else { bail!("two clusters were asked for") };
    let interrupt = Interrupt::watch()?;
    let directory = progress::directory(arguments.seed)?;
    let round = |number: u64| Round {
        seed: arguments.seed,
        number,
        dir: directory.join(format!("round-{number}")),
        // They take turns: each is the source of the other.
        ends: if number.is_multiple_of(2) { (old, new) } else { (new, old) },
        observer: Arc::clone(&observer),
        binary: binary.clone(),
        stop: interrupt.flag(),
    };
    if let Some(number) = arguments.round {
        let round = round(number);
        let mut tally = round.before()?;
        round.run(&mut tally)?;
        println!("round {number} of seed {} is in order; its files: {}", arguments.seed, round.dir.display());
        return Ok(());
    }
    let limit = Duration::from_secs(arguments.minutes * 60);
    let mut outcome = Ok(());
    let first = progress.next;
    while began.elapsed() < limit && !interrupt.is_set() {
        let one = round(progress.next);
        one.note_before(&progress.tally)?;
        let mut tally = progress.tally.clone();
        let started = Instant::now();
        let done = one.run(&mut tally);
        let seconds = started.elapsed().as_secs();
        progress.add(tally, done.is_err(), seconds)?;
        outcome = match done {
            Ok(()) => {
                println!("round {} of seed {}: in order, {seconds} s", one.number, arguments.seed);
                std::fs::remove_dir_all(&one.dir).ok();
                Ok(())
            }
            Err(error) => {
                println!("the files of the round that failed: {}", one.dir.display());
                let (seed, number) = (arguments.seed, one.number);
                Err(error.context(format!("round {number} of seed {seed} failed")))
            }
        };
        if outcome.is_err() {
            break;
        }
    }
    summarise(arguments, &progress, first, began.elapsed(), outcome)
}

/// The release build, or what `VELOSTREAM_BIN` names.
pub(crate) fn program() -> Result<PathBuf> {
    match std::env::var_os("VELOSTREAM_BIN").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path).canonicalize().context("VELOSTREAM_BIN"),
        None => crate::demo::build(),
    }
}

fn summarise(
    arguments: &Arguments,
    progress: &Progress,
    first: u64,
    elapsed: Duration,
    outcome: Result<()>,
) -> Result<()> {
    let Tally { states, frames, .. } = &progress.tally;
    let mut missing = arguments.require.missing(&progress.tally);
    missing.extend(states.empty().into_iter().chain(frames.empty()).map(|cell| format!("never: {cell}")));
    let text = report::section(arguments.seed, progress, first, elapsed, &missing, &outcome)?;
    println!("\n{text}");
    if !arguments.no_report {
        report::append(&text)?;
    }
    outcome?;
    if !missing.is_empty() {
        bail!("not reached (`--resume` goes on):\n  {}", missing.join("\n  "));
    }
    Ok(())
}
