//! `demo`: a job over files, killed again and again, and every line compared at the end.

mod comparison;
mod input;
mod life;
mod schedule;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use exactly_once::core::{Code, Disposition, Error};
use tempfile::TempDir;

use self::comparison::compare;
use self::input::Input;
use self::life::{End, Life};
use self::story::{Story, Verdict};
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArguments {
    /// Lines to deliver, spread over three files
    #[arg(long, value_name = "N", default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(3..=100_000_000))]
    records: u64,
    /// How often the worker is killed with -9
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(..=1000))]
    kills: u32,
    /// Decides about the moments of the kills; without it another one each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Directory to work in, new or empty; it is kept. Without it a temporary one, removed where all went well
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  velostream demo
  velostream demo --kills 20 --seed 7
  velostream demo --dir trial && velostream cat trial/out | wc -l
  velostream demo -o json | jq .clean

What it does: writes three files, runs this program as a worker of a job from files to files, kills it with -9 at
random moments and starts it again, lets the last worker end by itself, then reads what is committed and compares it
with the input line by line.

It needs no server and no state store: a sink with transactions commits the records and the position in one step, so
that there is nothing to keep anywhere else. Exit code 3 where a line is missing, doubled, moved or changed.";

/// Longest time without a commit before the demo gives up.
const STALL: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &DemoArguments, global: &Global) -> Result<Exit, Failure> {
    let place = Place::of(arguments.dir.as_deref())?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let outcome = told(arguments, seed, place.path(), global);
    let kept = place.leave(matches!(outcome, Ok(ref verdict) if verdict.clean));
    let verdict = outcome?;
    if verdict.clean {
        return Ok(Exit::Done);
    }
    let text = format!("{} lines are not where they must be", verdict.differences());
    Err(Error::new(Code::NotClean, Disposition::Reject, text)
        .with_remedy(format!("Please report it with the directory {}.", kept.display()))
        .into())
}

/// The whole story, told as it happens.
fn told(arguments: &DemoArguments, seed: u64, directory: &Path, global: &Global) -> Result<Verdict, Failure> {
    let mut story = Story::new(global.output);
    let input = Input::write(directory, arguments.records)?;
    story.opens(&input, arguments.kills, seed)?;
    let mut done = false;
    for moment in schedule::moments(seed, arguments.kills, arguments.records) {
        let life = Life::live(&input, story.lives() + 1, Some(moment), STALL)?;
        done = life.end == End::ByItself;
        story.life(life)?;
        if done {
            break;
        }
    }
    if !done {
        story.life(Life::live(&input, story.lives() + 1, None, STALL)?)?;
    }
    story.ends(compare(&input)?, seed, directory)
}

/// Where it happens.
enum Place {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Place {
    fn of(given: Option<&Path>) -> Result<Self, Failure> {
        let Some(given) = given else {
            let made = tempfile::Builder::new().prefix("velostream-demo-").tempdir();
            return made.map(Self::Temporary).map_err(|e| unwritable(&std::env::temp_dir(), e));
        };
        fs::create_dir_all(given).map_err(|e| unwritable(given, e))?;
        let mut entries = fs::read_dir(given).map_err(|e| unwritable(given, e))?;
        if entries.next().is_some() {
            return Err(Failure::usage(
                format!("{} is not empty", given.display()),
                "Name a directory that is new or empty.",
            ));
        }
        // Workers run inside of it.
        fs::canonicalize(given).map(Self::Given).map_err(|e| unwritable(given, e))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Given(path) => path,
        }
    }

    /// Removes a temporary directory that nobody needs any more.
    fn leave(self, clean: bool) -> PathBuf {
        match self {
            Self::Temporary(dir) if clean => dir.path().to_owned(),
            Self::Temporary(dir) => dir.keep(),
            Self::Given(path) => path,
        }
    }
}

/// A file of the demo cannot be used.
fn unwritable(path: &Path, source: std::io::Error) -> Failure {
    Error::new(Code::FileIo, Disposition::Reject, format!("{}: cannot be used", path.display()))
        .with_source(source)
        .into()
}
