//! The command `velostream`: exactly-once replication and processing from one binary and a YAML file.
//!
//! Layer 5: arguments in, the facade called, text or JSON out. Data goes to stdout, everything meant for people to
//! stderr. It decides nothing about delivery; exit codes are those of [`exit::Exit`].

mod arguments;
mod command;
mod exit;
mod failure;
mod http_get;
mod logging;
mod output;
mod runtime;
mod worker_progress;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(&arguments.global);
    match command::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(&arguments.global).into(),
    }
}
