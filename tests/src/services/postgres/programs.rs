//! PostgreSQL's programs on this machine.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The user that the server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl ServerUser {
    /// `None` where this process is not root and the server may run as its own user.
    pub(super) fn find() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
        let line = users.lines().find(|line| line.starts_with("postgres:")).context("no user postgres")?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        let (uid, gid) = (ids.next().context("no uid")??, ids.next().context("no gid")??);
        Ok(Some(Self { uid, gid }))
    }
}

/// The directory of the newest installed server programs.
pub(in crate::services) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.flatten().map(|version| version.path().join("bin"));
    found.filter(|bin| bin.join("postgres").is_file()).max_by_key(|bin| version(bin))
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// A program of PostgreSQL, as the user that it accepts.
pub(super) fn program(name: &str) -> Result<Command> {
    let bin = programs().context("PostgreSQL is not installed")?;
    let mut command = Command::new(bin.join(name));
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(user) = ServerUser::find()? {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
