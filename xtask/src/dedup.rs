//! `cargo xtask dedup`: content ids on every state store, a million records each, workers killed with -9, counted by a reader
//! of its own.

mod report;
mod round;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use velostream_testkit::nemesis::choose;
use velostream_testkit::services::{KafkaPair, Prerequisite, ensure};
use velostream_testkit::states::StoreKind;

use round::Round;

/// What `cargo xtask dedup` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which stores: memory, redb, redis, postgres, dynamodb; all if none is named.
    #[arg(long = "store")]
    stores: Vec<StoreKind>,
    /// Records of each store, a fifth of which are repetitions.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Workers of each store that are killed with -9.
    #[arg(long, default_value_t = 10)]
    kills: u64,
    /// Seed of records, distances and kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Add no section to docs/TEST-REPORT.md.
    #[arg(long)]
    no_report: bool,
}

/// Runs the command.
///
/// # Errors
/// When a content is missing, there twice, or foreign, a worker took more memory than its bound, or a server does not start.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    ensure(&[Prerequisite::Java, Prerequisite::Maven, Prerequisite::Redis, Prerequisite::Postgres])?;
    choose(crate::torture::program()?);
    let mut kinds: Vec<StoreKind> = arguments.stores.clone();
    if kinds.is_empty() {
        kinds = StoreKind::ALL.to_vec();
    }
    // Held until the last round is over.
    let _pair = KafkaPair::get()?;
    let mut outcomes = Vec::new();
    for kind in kinds {
        let round = Round { kind, records: arguments.records, kills: arguments.kills, seed: arguments.seed };
        println!("{kind} ...");
        let outcome = round.run();
        match &outcome {
            Ok(counts) => println!("{}", report::row(kind, counts)),
            Err(error) => println!("{kind}: {error:#}"),
        }
        outcomes.push((kind, outcome));
    }
    let text = report::section(arguments.seed, began.elapsed(), &outcomes)?;
    println!("\n{text}");
    if !arguments.no_report {
        crate::torture::report::append(&text)?;
    }
    let failed: Vec<StoreKind> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_err()).map(|(kind, _)| *kind).collect();
    if failed.is_empty() { Ok(()) } else { bail!("not in order: {failed:?}") }
}
