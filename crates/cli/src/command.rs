//! The commands: one file each, with its arguments, its examples and what it does.

mod check;
mod completions;
mod explain;
mod explain_error;
mod init;
mod option;
mod replicate;
mod run;
mod status;
mod verify;

use clap::Subcommand;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a worker of a job
    Run(run::RunArguments),
    /// Find mistakes in a job file
    Check(check::CheckArguments),
    /// Say what a job promises, and why
    Explain(explain::ExplainArguments),
    /// Say what an error code means and what to do
    ExplainError(explain_error::ExplainErrorArguments),
    /// Write a job file to start from
    Init(init::InitArguments),
    /// Copy topics from one Kafka cluster to another, without a job file
    Replicate(replicate::ReplicateArguments),
    /// Prove that a sink holds each source record once, in order, unchanged
    Verify(verify::VerifyArguments),
    /// Ask a running worker how it is
    Status(status::StatusArguments),
    /// Write the completions of a shell to stdout
    Completions(completions::CompletionsArguments),
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Run(command) => run::run(command, global),
        Command::Check(command) => check::run(command, global),
        Command::Explain(command) => explain::run(command, global),
        Command::ExplainError(command) => explain_error::run(command, global),
        Command::Init(command) => init::run(command),
        Command::Replicate(command) => replicate::run(command, global),
        Command::Verify(command) => verify::run(command, global),
        Command::Status(command) => status::run(command, global),
        Command::Completions(command) => completions::run(command),
    }
}
