//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Worker;
use crate::services::repository_root;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Path of the program `velostream`: `VELOSTREAM_BIN` where it is set (as under `cargo xtask test`), else the debug
/// build, which is brought up to date first.
///
/// # Errors
/// When it does not build.
pub fn binary() -> Result<PathBuf> {
    if let Some(known) = BINARY.get() {
        return Ok(known.clone());
    }
    let found = match std::env::var_os("VELOSTREAM_BIN").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => build()?,
    };
    if !found.is_file() {
        bail!("there is no program at {}", found.display());
    }
    Ok(BINARY.get_or_init(|| found).clone())
}

/// Tries this program from now on. Whoever asks for [`binary`] first decides: later choices change nothing.
pub fn choose(program: PathBuf) {
    BINARY.get_or_init(|| program);
}

/// Builds the program without optimisation.
///
/// # Errors
/// When cargo cannot be started or the program does not build.
pub fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(["build", "--package", "velostream-cli", "--message-format", "json"])
        .current_dir(repository_root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the program does not build");
    }
    // One JSON object a line; the one line with an executable is the program's.
    let text = String::from_utf8_lossy(&output.stdout);
    let path = text.lines().rev().find_map(|line| {
        let rest = line.split("\"executable\":\"").nth(1)?;
        rest.split('"').next()
    });
    Ok(PathBuf::from(path.context("cargo names no executable")?))
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it wrote for programs.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
}

impl Ended {
    /// The line `error: VS-nnnn: ...`, where there is one.
    #[must_use]
    pub fn error_line(&self) -> Option<&str> {
        self.stderr.lines().find(|line| line.starts_with("error: VS-"))
    }

    /// What it says about the error: from the error's line on, or the report of a refused job file.
    #[must_use]
    pub fn message(&self) -> String {
        let from = self.stderr.find("error: ").unwrap_or(0);
        // The report of a job file ends with the line of the error.
        let is_report = self.error_line().is_some_and(|line| line.starts_with("error: VS-0001"));
        let from = if is_report { 0 } else { from };
        self.stderr.get(from..).unwrap_or_default().trim_end().to_owned()
    }
}

/// Runs the program to its end.
///
/// # Errors
/// When it cannot be started, or has not ended within `limit`; it is killed then.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S], limit: Duration) -> Result<Ended> {
    Worker::start(Path::new("."), arguments, &[])?.wait(limit)
}
