//! `check`: find mistakes in job files, and with `--live` in what they name.

mod view;

use std::path::PathBuf;

use clap::Args;
use exactly_once::config::{JobFile, Problem, Sink, Source};
use exactly_once::core::{Disposition, Error};
use exactly_once::explain::explain;
use exactly_once::live::{self, Live, LiveProblem};
use serde::Serialize;

use crate::arguments::{Form, Global};
use crate::exit::Exit;
use crate::failure::{Failure, config_error};
use crate::{output, runtime};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArguments {
    /// The job file
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
    /// Ask both ends too: servers, topics and their settings, files, permissions
    #[arg(long)]
    live: bool,
}

const EXAMPLES: &str = "\
Examples:
  velostream check orders-dr.yaml
  SOURCE=kafka-1:9092 velostream check orders-dr.yaml     the file says \"${SOURCE}\"
  velostream check orders-dr.yaml -o json | jq .problems
  velostream check orders-dr.yaml --live                  before the first run: what each expression matches, ...
  velostream check orders-dr.yaml --live -o json | jq .live.problems

Without --live nothing is asked of any server. With it nothing is written either; a sink cluster that has never seen a
transaction makes its own transaction log when it is asked for a coordinator.

Exit codes: 78 where the file is not valid, 69 where a server cannot be reached, 1 where something else would keep the
job from running; what is only worth knowing leaves it at 0.";

#[derive(Serialize)]
struct Report {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_store: Option<String>,
    problems: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Live>,
}

#[derive(Serialize)]
struct Finding {
    line: Option<usize>,
    column: Option<usize>,
    path: String,
    message: String,
    remedy: Option<String>,
}

impl From<&Problem> for Finding {
    fn from(problem: &Problem) -> Self {
        Self {
            line: problem.place.map(|p| p.line),
            column: problem.place.map(|p| p.column),
            path: problem.path.clone(),
            message: problem.message.clone(),
            remedy: problem.remedy.clone(),
        }
    }
}

pub(crate) fn run(arguments: &CheckArguments, global: &Global) -> Result<Exit, Failure> {
    let file = arguments.job.display().to_string();
    let failure = match JobFile::load(&arguments.job) {
        Ok(job) => return valid(arguments, file, &job, global),
        Err(error) => Failure::from(error),
    };
    // A program reads the problems from stdout; people read them, with the text around, from stderr.
    let Failure::Error(error) = &failure else { return Err(failure) };
    let (true, Some(config)) = (global.output != Form::Table, config_error(error)) else {
        return Err(failure);
    };
    let problems = config.problems().iter().map(Finding::from).collect();
    let report = Report {
        file,
        valid: false,
        job: None,
        source: None,
        sink: None,
        level: None,
        state_store: None,
        problems,
        live: None,
    };
    output::document(global.output, &report, table)?;
    Ok(Exit::of(error))
}

fn valid(arguments: &CheckArguments, file: String, job: &JobFile, global: &Global) -> Result<Exit, Failure> {
    let mut report = accepted(file, job);
    if arguments.live {
        let runtime = runtime::start()?;
        report.live = Some(runtime.block_on(live::look(job)));
        // A connection attempt may still wait; nothing of it is wanted any more.
        runtime.shutdown_background();
    }
    output::document(global.output, &report, table)?;
    match report.live.as_ref().and_then(Live::blocked_by) {
        None => Ok(Exit::Done),
        Some(problem) if global.output == Form::Table => Err(error(problem).into()),
        // A program has read it from stdout.
        Some(problem) => Ok(Exit::of(&error(problem))),
    }
}

fn error(problem: &LiveProblem) -> Error {
    Error::new(problem.code, Disposition::Reject, problem.text.clone()).with_remedy(problem.remedy.clone())
}

fn accepted(file: String, job: &JobFile) -> Report {
    let source = match &job.source {
        Source::Kafka(source) => {
            let topics = source.topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("kafka {}: {topics}", source.bootstrap_servers)
        }
        Source::File(source) => format!("file {}", source.path),
        _ => String::new(),
    };
    let sink = match &job.sink {
        Sink::Kafka(sink) => format!("kafka {}: {}", sink.bootstrap_servers, sink.topic),
        Sink::File(sink) => format!("file {}", sink.path),
        _ => String::new(),
    };
    Report {
        file,
        valid: true,
        job: Some(job.job.to_string()),
        source: Some(source),
        sink: Some(sink),
        level: Some(explain(job).level.to_string()),
        state_store: job.exactly_once.record_id_strategy.are_tracked().then(|| {
            let store = job.state_store();
            format!("{}, class {}", store.key(), store.class())
        }),
        problems: Vec::new(),
        live: None,
    }
}

fn table(report: &Report) -> String {
    let rows = [
        ("job", &report.job),
        ("source", &report.source),
        ("sink", &report.sink),
        ("level", &report.level),
        ("state store", &report.state_store),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| vec![name.to_owned(), value.clone()]));
    let live = report.live.as_ref().map(view::live).unwrap_or_default();
    format!("{} is valid\n{}{live}", report.file, output::columns(&[], rows))
}
