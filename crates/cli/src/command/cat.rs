//! `cat`: what is committed in the directory of a file sink.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use exactly_once::config::{JobFile, Sink};
use exactly_once::connector_file::CommittedReader;
use exactly_once::core::{Code, Disposition, Error};

use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CatArguments {
    /// Directory of a file sink, or the job file that writes to it
    #[arg(value_name = "DIR|JOB.yaml")]
    place: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  velostream cat out
  velostream cat demo.yaml | wc -l
  velostream cat out | cmp - in/orders.ndjson && echo equal

Works while the job runs: it writes what was committed at this moment, byte for byte, and disturbs nobody. A plain `cat`
shows the same only after the job has stopped: before, the files may end in lines that will be taken back.";

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

pub(crate) fn run(arguments: &CatArguments) -> Result<Exit, Failure> {
    let mut reader = open(&arguments.place)?;
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = reader.read_some(&mut buffer).map_err(Error::from)?;
        match buffer.get(..read) {
            None | Some([]) => break,
            Some(bytes) => out.write_all(bytes).map_err(Failure::output)?,
        }
    }
    out.flush().map_err(Failure::output)?;
    Ok(Exit::Done)
}

fn open(place: &Path) -> Result<CommittedReader, Failure> {
    if !place.is_file() {
        return Ok(CommittedReader::open(place).map_err(Error::from)?);
    }
    let job = JobFile::load(place)?;
    let Sink::File(sink) = &job.sink else {
        return Err(Failure::usage(
            format!("{}: the sink is not a directory of files", place.display()),
            "Read a topic with a consumer of your own, with isolation.level=read_committed.",
        ));
    };
    let reader = CommittedReader::open(sink.directory()).map_err(Error::from)?;
    let owner = &reader.manifest().job;
    if owner != job.job.as_str() {
        let text =
            format!("{} belongs to job {owner}, not to {}", sink.directory().display(), job.job.as_str());
        return Err(Error::new(Code::JobConflict, Disposition::Reject, text)
            .with_remedy("Name the directory instead of the job file to see it all the same.")
            .into());
    }
    Ok(reader)
}
