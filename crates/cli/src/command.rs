//! The commands: one file each, with its arguments, its examples and what it does.

mod cat;
mod check;
mod completions;
mod demo;
mod explain;
mod explain_error;
mod init;
mod man;
mod option;
mod replicate;
mod run;
mod state;
mod status;
mod verify;

use clap::Subcommand;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See a job survive kill -9: writes files, kills workers, compares every line; needs no server
    Demo(demo::DemoArguments),
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
    /// Write the committed lines of a file sink to stdout
    Cat(cat::CatArguments),
    /// Ask a running worker how it is
    Status(status::StatusArguments),
    /// See or forget what a job keeps in its state store
    State(state::StateArguments),
    /// Write the completions of a shell to stdout
    Completions(completions::CompletionsArguments),
    /// Write the manual: one page per command
    Man(man::ManArguments),
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(command) => demo::run(command, global),
        Command::Run(command) => run::run(command, global),
        Command::Check(command) => check::run(command, global),
        Command::Explain(command) => explain::run(command, global),
        Command::ExplainError(command) => explain_error::run(command, global),
        Command::Init(command) => init::run(command),
        Command::Replicate(command) => replicate::run(command, global),
        Command::Verify(command) => verify::run(command, global),
        Command::Cat(command) => cat::run(command),
        Command::Status(command) => status::run(command, global),
        Command::State(command) => state::run(command, global),
        Command::Completions(command) => completions::run(command),
        Command::Man(command) => man::run(command),
    }
}
