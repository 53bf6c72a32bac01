//! `cargo xtask integration`: the suites of the state stores against real servers, as a table store x case group.

mod found;
mod page;
mod suite;
mod table;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use velostream_testkit::services::PROVIDER_VARIABLE;
use velostream_testkit::states::StoreKind;

use crate::engine::Engine;
use found::Found;
use page::Page;
use suite::Suite;
use table::Table;

/// What `cargo xtask integration` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which stores: memory, redb, redis, postgres, dynamodb; all if none is named.
    #[arg(long)]
    store: Vec<StoreKind>,
    /// What runs the servers: processes of this machine, or containers of the engine that answers (where none does, one
    /// is started for this run). May be given twice.
    #[arg(long, value_enum, default_value = "native")]
    provider: Vec<Provider>,
    /// Writes each case on each store of this run into docs/stores/CONFORMANCE.md.
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    Native,
    Containers,
}

impl Provider {
    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Containers => "containers",
        }
    }
}

/// Runs the suites and prints the table, what does not apply and why, and `N passed, M failed`. Fails where a test fails
/// or a server does not start.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let stores = if arguments.store.is_empty() { &StoreKind::ALL } else { arguments.store.as_slice() };
    let (mut table, mut page) = (Table::default(), Page::default());
    for (number, provider) in arguments.provider.iter().enumerate() {
        // Stores that need no server run once, whatever runs the servers of the others.
        let stores: Vec<StoreKind> =
            stores.iter().copied().filter(|store| number == 0 || suite::image(*store).is_some()).collect();
        if let Err(error) = run_with(*provider, &stores, &mut table, &mut page) {
            println!("{} FAILED: {error:#}", provider.name());
            table.could_not_run(provider.name(), &error);
            page.left_out("everything", provider.name(), &format!("{error:#}"));
        }
    }
    if arguments.write
        && let Err(error) = page.write()
    {
        table.could_not_run("the page", &error);
    }
    println!("\n{table}");
    println!("{}", table.closing_line());
    if table.failed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run_with(provider: Provider, stores: &[StoreKind], table: &mut Table, page: &mut Page) -> Result<()> {
    let engine = match provider {
        Provider::Native => None,
        Provider::Containers => Some(Engine::find_or_start()?),
    };
    if let Some(engine) = &engine {
        println!("{}", engine.describe());
    }
    for store in stores {
        for suite in suite::suites(*store)? {
            let row = if suite::image(*store).is_some() { provider.name() } else { "none needed" };
            println!("\n== {} ({row})", suite.name());
            if let (Provider::Containers, Some(why)) = (provider, suite.native_only()) {
                println!("not applicable: {why}");
                table.not_applicable(*store, row, &suite, why);
                page.left_out(suite.name(), row, why);
                continue;
            }
            match one(engine.as_ref(), provider, *store, &suite) {
                Ok(found) => {
                    table.add(*store, row, &suite, &found);
                    page.add(*store, row, &found);
                }
                Err(error) => {
                    println!("{} FAILED: {error:#}", suite.name());
                    table.could_not_run(suite.name(), &error);
                    page.left_out(suite.name(), row, &format!("{error:#}"));
                }
            }
        }
    }
    Ok(())
}

fn one(engine: Option<&Engine>, provider: Provider, store: StoreKind, suite: &Suite) -> Result<Vec<Found>> {
    let mut command = suite.command(provider == Provider::Containers);
    command.env(PROVIDER_VARIABLE, provider.name());
    if let (Some(engine), Some(image)) = (engine, suite::image(store)) {
        let name = image.resolve(engine)?;
        println!("image {name}");
        command.env(image.variable(), &name);
        engine.apply(&mut command);
    }
    let (found, status) = found::read(&mut command)?;
    if !status.success() && !found.iter().any(Found::has_failed) {
        bail!("{} ended with {status}", suite.name());
    }
    if found.is_empty() {
        bail!("{} ran no test", suite.name());
    }
    Ok(found)
}
