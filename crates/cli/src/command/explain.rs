//! `explain`: what a job promises, and why.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use exactly_once::config::JobFile;
use exactly_once::explain::{Explanation, Required, Role, explain};

use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArguments {
    /// The job file
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
    /// Exit with code 3 where the job cannot give this level
    #[arg(long, value_enum, value_name = "LEVEL")]
    require: Option<Level>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    ExactlyOnce,
}

const EXAMPLES: &str = "\
Examples:
  velostream explain orders-dr.yaml
  velostream explain orders-dr.yaml --require exactly-once     in CI: exit code 3 where it is not
  velostream explain orders-dr.yaml -o json | jq -r .level";

pub(crate) fn run(arguments: &ExplainArguments, global: &Global) -> Result<Exit, Failure> {
    let explanation = explain(&JobFile::load(&arguments.job)?);
    output::document(global.output, &explanation, table)?;
    match arguments.require {
        Some(Level::ExactlyOnce) => explanation.require(Required::ExactlyOnce)?,
        None => {}
    }
    Ok(Exit::Done)
}

fn table(explanation: &Explanation) -> String {
    let mut text = format!("job {}: {}\n", explanation.job, explanation.level);
    let parts = [
        (Role::Lowers, "What lowers it"),
        (Role::Gives, "What gives it"),
        (Role::Warns, "What to know"),
        (Role::Assumes, "What must hold"),
    ];
    for (role, title) in parts {
        if explanation.of(role).next().is_none() {
            continue;
        }
        text.push_str(&format!("\n{title}\n"));
        for reason in explanation.of(role) {
            let setting = reason.setting.map(|s| format!(" [{s}]")).unwrap_or_default();
            text.push_str(&format!("  - {}{setting}\n", reason.text));
        }
    }
    text
}
