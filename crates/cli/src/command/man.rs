//! `man`: the manual, one page per command.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use exactly_once::core::{Code, Disposition, Error};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArguments {
    /// Directory to write the pages to; made where it does not exist, pages in it are replaced
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  velostream man ~/.local/share/man/man1
  velostream man man1 && man ./man1/velostream-run.1";

pub(crate) fn run(arguments: &ManArguments) -> Result<Exit, Failure> {
    let directory = &arguments.directory;
    // `help COMMAND` shows what the command's own page says.
    let command = Arguments::command().disable_help_subcommand(true);
    let written = fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|error| {
        let text = format!("{}: the pages cannot be written", directory.display());
        Error::new(Code::FileIo, Disposition::Reject, text).with_source(error)
    })?;
    output::text(&format!("wrote the manual to {}: man {0}/velostream.1\n", directory.display()))?;
    Ok(Exit::Done)
}
