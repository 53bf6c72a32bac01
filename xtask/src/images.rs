//! `cargo xtask images build`: images for the suites where the official ones cannot be pulled.

mod base;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use velostream_testkit::services::{dynamodb_libs, repository_root};

use crate::engine::Engine;

/// What `cargo xtask images` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build stand-ins for the official images from this machine's packages, where they are not there yet.
    Build {
        /// Build them again.
        #[arg(long)]
        fresh: bool,
    },
}

/// An image that suites run servers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    Redis,
    Postgres,
    DynamoDb,
}

impl Image {
    pub(crate) const ALL: [Self; 3] = [Self::Redis, Self::Postgres, Self::DynamoDb];

    /// Variable by which the test kit takes another image.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Redis => "VELOSTREAM_IMAGE_REDIS",
            Self::Postgres => "VELOSTREAM_IMAGE_POSTGRES",
            Self::DynamoDb => "VELOSTREAM_IMAGE_DYNAMODB",
        }
    }

    const fn official(self) -> &'static str {
        match self {
            Self::Redis => "redis:7",
            Self::Postgres => "postgres:15",
            Self::DynamoDb => "amazon/dynamodb-local:2.6.1",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::DynamoDb => "dynamodb",
        }
    }

    fn stand_in(self) -> String {
        format!("velostream-test/{}:latest", self.name())
    }

    /// The image to use: the environment's, else the official one if it is here or can be pulled, else a stand-in, which
    /// is built where it is not there yet.
    ///
    /// # Errors
    /// When no image can be had.
    pub(crate) fn resolve(self, engine: &Engine) -> Result<String> {
        if let Some(given) = std::env::var(self.variable()).ok().filter(|given| !given.is_empty()) {
            return Ok(given);
        }
        let official = self.official();
        if is_here(engine, official) || quietly(engine.command("docker").args(["pull", "--quiet", official]))
        {
            return Ok(official.to_owned());
        }
        self.build(engine, false)?;
        Ok(self.stand_in())
    }

    fn build(self, engine: &Engine, fresh: bool) -> Result<()> {
        let name = self.stand_in();
        if !fresh && is_here(engine, &name) {
            println!("{name}  is there");
            return Ok(());
        }
        base::ensure(engine)?;
        let sources = repository_root().join("tests/images");
        let context = tempfile::tempdir().context("cannot make a directory")?;
        copy(&sources, context.path())?;
        if self == Self::DynamoDb {
            copy(&dynamodb_libs()?, &context.path().join("dynamodb-libs"))?;
        }
        let file = context.path().join(format!("{}.dockerfile", self.name()));
        let mut build = engine.command("docker");
        build
            // The builder that needs no network and no second program.
            .env("DOCKER_BUILDKIT", "0")
            .args(["build", "--quiet", "--tag", &name, "--file"])
            .arg(file)
            .arg(context.path());
        run(&mut build)?;
        println!("{name}  built");
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// When an image cannot be built.
pub(crate) fn run_command(arguments: &Arguments) -> Result<()> {
    let Action::Build { fresh } = arguments.action;
    let engine = Engine::find_or_start()?;
    println!("{}", engine.describe());
    Image::ALL.iter().try_for_each(|image| image.build(&engine, fresh))
}

fn is_here(engine: &Engine, image: &str) -> bool {
    quietly(engine.command("docker").args(["image", "inspect", image]))
}

fn quietly(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Copies the files of a directory; there are none below it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))
            .with_context(|| format!("cannot copy {}", entry.path().display()))?;
    }
    Ok(())
}
