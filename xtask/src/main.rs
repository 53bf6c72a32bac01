//! The project's own commands: `cargo xtask services | load | tidy | test`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]
#![allow(clippy::disallowed_methods, reason = "a tool for people measures real time")]

mod bench;
mod dedup;
mod demo;
mod engine;
mod error_pages;
mod features;
mod fuzz;
mod images;
mod integration;
mod load;
mod measure;
mod mutants;
mod services;
mod sim;
mod test_run;
mod tidy;
mod torture;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replicators side by side: rate, CPU, memory, first record, as a table with ratios.
    Bench(bench::Arguments),
    /// Start, stop or list the servers that suites, benches and trials use.
    Services(services::Arguments),
    /// A million records on every state store, a fifth of them repeated, workers killed, an independent count.
    Dedup(dedup::Arguments),
    /// Two real clusters, workers killed and paused, an independent verdict.
    Demo(demo::Arguments),
    /// Write docs/errors.md from the error codes.
    Errors,
    /// Lint the facade with each feature alone, none and all.
    Features,
    /// Every decoder under a coverage-guided fuzzer.
    Fuzz(fuzz::Arguments),
    /// Images for the suites where the official ones cannot be pulled.
    Images(images::Arguments),
    /// The suites of the state stores against real servers: processes or containers.
    Integration(integration::Arguments),
    /// Fill a topic with seeded records.
    Load(load::Arguments),
    /// Rate, memory, first record, and what a reader sees of kills and hand-overs.
    Measure(measure::Arguments),
    /// Deliberate defects of the product's own code, each of which a test must notice.
    Mutants(mutants::Arguments),
    /// Simulated histories by seed, or every pair of faults.
    Sim(sim::Arguments),
    /// Check the rules of the tree that no compiler checks.
    Tidy,
    /// Format, tidy, lint, every test, and the suites on real servers.
    Test(test_run::Arguments),
    /// Workers, brokers and networks that fail at every state of the protocol, round after round.
    Torture(torture::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Services(arguments) => services::run(&arguments),
        Command::Dedup(arguments) => dedup::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Errors => error_pages::write(),
        Command::Features => features::run(),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Images(arguments) => images::run_command(&arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Torture(arguments) => torture::run(&arguments),
        // Their last line is their verdict: nothing may follow it.
        Command::Test(arguments) => return test_run::run(&arguments),
        Command::Integration(arguments) => return integration::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
