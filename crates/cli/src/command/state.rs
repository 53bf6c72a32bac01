//! `state`: what a job keeps in its state store.

mod bench;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use exactly_once::JobState;
use exactly_once::config::JobFile;
use exactly_once::core::{Code, Disposition, Error};
use exactly_once::job_state::{MemberView, Prepared, Reset, SharedIdsView, TaskView, Transfer};

use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, runtime};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StateArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make what the store of a job needs, such as tables, and check what it keeps
    Init(JobArguments),
    /// List the tasks in the store of a job
    Ls(JobArguments),
    /// Show the task of a job: positions, ids, open batches
    Show(JobArguments),
    /// Write the state of a job to stdout, for another store
    Export(JobArguments),
    /// Read exported state into an empty store; a dry run without --execute
    Import(ImportArguments),
    /// Forget the ids and positions of a job; a dry run without --execute
    Reset(ResetArguments),
    /// Measure what a batch of ids costs in the store of a job
    Bench(bench::BenchArguments),
}

#[derive(Debug, Args)]
struct JobArguments {
    /// The job file
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// The job file; its `state_store` is where the state goes
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
    /// What `export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do it, instead of saying what would be done
    #[arg(long)]
    execute: bool,
}

#[derive(Debug, Args)]
struct ResetArguments {
    /// The job file
    #[arg(value_name = "JOB.yaml")]
    job: PathBuf,
    /// Do it, instead of saying what would be done
    #[arg(long)]
    execute: bool,
}

const EXAMPLES: &str = "\
Examples:
  velostream state ls orders-dr.yaml
  STATE_URL=postgresql://admin@db/jobs velostream state init orders-dr.yaml
  velostream state show orders-dr.yaml -o json
  velostream state export orders-dr.yaml > orders-dr.state
  velostream state import moved.yaml orders-dr.state --execute
  velostream state reset orders-dr.yaml              what would be forgotten
  velostream state reset orders-dr.yaml --execute
  velostream state bench --store-of orders-dr.yaml   how fast the store is, from here

Stop the worker first. A file is refused while a worker has it open (VS-0055). A store that hosts share can be looked at
beside a worker; `reset --execute` watches a task that nobody gave back for 9 seconds and is refused where its worker shows
life, and a worker that was only paused is fenced by it and stops. A job that tells records apart by their place in the source keeps
nothing in a state store; its sink holds all of its progress.";

pub(crate) fn run(arguments: &StateArguments, global: &Global) -> Result<Exit, Failure> {
    runtime::start()?.block_on(act(&arguments.action, global))?;
    Ok(Exit::Done)
}

async fn act(action: &Action, global: &Global) -> Result<(), Failure> {
    let output = global.output;
    match action {
        Action::Init(JobArguments { job }) => {
            output::document(output, &JobState::prepare(&JobFile::load(job)?).await?, prepared)?;
        }
        Action::Ls(JobArguments { job }) => output::list(output, &open(job).await?.tasks().await?, list)?,
        Action::Show(JobArguments { job }) => {
            output::document(output, &open(job).await?.task().await?, show)?;
        }
        Action::Export(JobArguments { job }) => {
            // Not locked: the writer lives across the calls of the store.
            open(job).await?.export(&mut io::BufWriter::new(io::stdout())).await?;
        }
        Action::Import(arguments) => output::document(output, &import(arguments).await?, imported)?,
        Action::Reset(ResetArguments { job, execute }) => {
            output::document(output, &open(job).await?.reset(*execute).await?, reset)?;
        }
        Action::Bench(arguments) => output::document(output, &bench::run(arguments).await?, bench::table)?,
    }
    Ok(())
}

async fn open(job: &Path) -> Result<JobState, Failure> {
    Ok(JobState::open(&JobFile::load(job)?).await?)
}

async fn import(arguments: &ImportArguments) -> Result<Transfer, Failure> {
    let job = JobFile::load(&arguments.job)?;
    let file = File::open(&arguments.file).map_err(|source| {
        let what = format!("{} cannot be read", arguments.file.display());
        Error::new(Code::FileIo, Disposition::Reject, what).with_source(source)
    })?;
    let mut from = io::BufReader::new(file);
    Ok(match arguments.execute {
        false => JobState::inspect(&job, &mut from)?,
        true => JobState::create(&job).await?.import(&mut from).await?,
    })
}

fn prepared(ready: &Prepared) -> String {
    format!("{} is ready, class {}\n", ready.store, ready.class)
}

fn list(tasks: &[TaskView]) -> String {
    let row = |task: &TaskView| {
        vec![
            task.task.clone(),
            owner(task).to_owned(),
            task.epoch.to_string(),
            task.committed.to_string(),
            task.tracked_records.to_string(),
        ]
    };
    output::columns(&["task", "owner", "epoch", "batch", "ids"], tasks.iter().map(row))
}

fn owner(task: &TaskView) -> &str {
    task.owner.as_deref().unwrap_or("-")
}

fn show(task: &Option<TaskView>) -> String {
    let Some(task) = task else { return NOTHING.to_owned() };
    let open = match task.open_batches.as_slice() {
        [] => "none".to_owned(),
        open => open.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let facts = [
        ("task", task.task.clone()),
        ("owner", owner(task).to_owned()),
        ("epoch", task.epoch.to_string()),
        ("confirmed batch", task.committed.to_string()),
        ("open batches", open),
        ("ids", task.tracked_records.to_string()),
        ("dated by", dated_by(task)),
        ("checkpoint", task.checkpoint.map_or_else(|| "none".to_owned(), |id| id.to_string())),
    ];
    let facts = output::columns(&[], facts.map(|(name, value)| vec![name.to_owned(), value]));
    let positions = task.positions.iter().map(|p| vec![p.split.clone(), p.position.clone()]);
    let own = format!("{facts}\n{}", output::columns(&["split", "ids up to"], positions));
    match &task.shared_ids {
        None => own,
        Some(set) => format!("{facts}\n{}", shared(set)),
    }
}

fn shared(set: &SharedIdsView) -> String {
    let row = |member: &MemberView| {
        let holds = match (member.held, member.promised) {
            (0, _) => "nothing".to_owned(),
            (held, false) => format!("{held} ids"),
            (held, true) => format!("{held} ids, about to be delivered"),
        };
        vec![member.member.clone(), member.epoch.to_string(), holds]
    };
    let members = output::columns(&["shares ids", "epoch", "holds"], set.members.iter().map(row));
    let positions = set.members.iter().flat_map(|member| {
        member.positions.iter().map(|p| vec![member.member.clone(), p.split.clone(), p.position.clone()])
    });
    format!("set {}\n{members}\n{}", set.set, output::columns(&["job", "split", "ids up to"], positions))
}

fn dated_by(task: &TaskView) -> String {
    match (task.deduplication_time, task.latest_event_ms) {
        (None, _) => "nothing".to_owned(),
        (Some(time), None) => time.to_owned(),
        (Some(time), Some(latest_ms)) => format!("{time}, the latest {latest_ms} ms since the Unix epoch"),
    }
}

/// Shown where the store has no task of the job.
const NOTHING: &str = "the job has nothing in its state store\n";

fn imported(done: &Transfer) -> String {
    let what = format!("{}: {} entries", done.task, done.entries);
    match done.executed {
        true => format!("{what} are imported\n"),
        false => format!("{what} would be imported; add --execute to do it\n"),
    }
}

fn reset(reset: &Option<Reset>) -> String {
    let Some(reset) = reset else { return NOTHING.to_owned() };
    let what = match reset.released {
        None => format!("{}: {} ids and the positions of {} splits", reset.task, reset.records, reset.splits),
        Some(held) => format!(
            "{}: its place in the ids that jobs share, with {held} ids that it holds, also where they were delivered,",
            reset.task
        ),
    };
    match reset.executed {
        true => format!("{what} are forgotten\n"),
        false => format!("{what} would be forgotten; add --execute to do it\n"),
    }
}
