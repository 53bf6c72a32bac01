//! `init`: a job file to start from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use exactly_once::core::{Code, Disposition, Error};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitArguments {
    /// Directory to write to; made where it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write a job from files to files, with records to try it on: needs no server
    #[arg(long)]
    demo: bool,
}

const EXAMPLES: &str = "\
Examples:
  velostream init .                  orders-dr.yaml: from one Kafka cluster to another
  velostream init --demo demo        demo/demo.yaml and demo/in/orders.ndjson: from files to files

A file that is there already is left alone, and the command fails.";

const KAFKA: &str = include_str!("init/kafka.yaml");
const DEMO: &str = include_str!("init/demo.yaml");

/// Records of the demo.
const DEMO_RECORDS: u32 = 20_000;

pub(crate) fn run(arguments: &InitArguments) -> Result<Exit, Failure> {
    let directory = &arguments.directory;
    let (name, files) = if arguments.demo {
        ("demo.yaml", vec![("in/orders.ndjson", orders()), ("demo.yaml", DEMO.to_owned())])
    } else {
        ("orders-dr.yaml", vec![("orders-dr.yaml", KAFKA.to_owned())])
    };
    for (file, _) in &files {
        let path = directory.join(file);
        if path.exists() {
            return Err(Failure::usage(
                format!("{} exists already", path.display()),
                "Choose another directory, or move the file away.",
            ));
        }
    }
    for (file, content) in &files {
        let path = directory.join(file);
        create(&path, content).map_err(|error| {
            Error::new(Code::FileIo, Disposition::Reject, format!("{}: cannot be written", path.display()))
                .with_source(error)
        })?;
        output::text(&format!("wrote {}\n", path.display()))?;
    }
    output::text(&format!(
        "\nNext:\n  cd {}\n  velostream check {name}\n  velostream explain {name}\n  velostream run {name}\n",
        directory.display()
    ))?;
    Ok(Exit::Done)
}

/// Never overwrites.
fn create(path: &Path, content: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(content.as_bytes())
}

fn orders() -> String {
    (1..=DEMO_RECORDS)
        .map(|id| {
            format!("{{\"id\":{id},\"customer\":\"c{}\",\"amount_cents\":{}}}\n", id % 17, id * 37 % 10_000)
        })
        .collect()
}
