//! The command line as a whole.

use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::command::Command;

/// Exactly-once replication and processing of streams, from one binary and a YAML file.
#[derive(Debug, Parser)]
#[command(name = "velostream", version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  velostream demo                                     see a job survive kill -9; needs no server
  velostream init .                                   write a job file to start from
  velostream check orders-dr.yaml                     find mistakes in it
  velostream check orders-dr.yaml --live              ask both clusters before the first run
  velostream explain orders-dr.yaml                   see what it promises, and why
  velostream verify orders-dr.yaml                    prove that nothing was lost or doubled
  velostream explain-error VS-0030                    what an error means and what to do

Exit codes:
  0   done
  1   failed
  2   the command line is not valid
  3   the required guarantee or a verification is not met
  69  a server cannot be reached
  78  the job file is not valid";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Form of the data on stdout
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = "Global options"
    )]
    pub(crate) output: Form,
    /// Form of the log on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = "Global options"
    )]
    pub(crate) log_format: LogForm,
    /// Log more: -v debug, -vv everything; the environment variable VELOSTREAM_LOG takes a filter instead
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

/// Form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
}

/// Form of the log on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line.
    Json,
}
