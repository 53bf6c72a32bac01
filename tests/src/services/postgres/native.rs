//! A PostgreSQL server as a process of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::programs::{ServerUser, program, run};
use super::{Place, PostgresServer};
use crate::services::host::{Host, NativeHost};
use crate::services::port::free_ports;
use crate::services::prerequisites::{Prerequisite, ensure};

/// An empty cluster with these settings, launched.
pub(super) fn fresh(settings: &[(&str, &str)]) -> Result<PostgresServer> {
    let (dir, port) = empty()?;
    run(program("initdb")?
        .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"])
        .arg(data(dir.path())))?;
    launched(dir, port, settings)
}

/// A standby of the server on `primary`, launched.
pub(super) fn standby_of(primary: u16, name: &str) -> Result<PostgresServer> {
    let (dir, port) = empty()?;
    let source = format!("host=127.0.0.1 port={primary} user=postgres application_name={name}");
    run(program("pg_basebackup")?
        .args(["-X", "stream", "-c", "fast", "-R", "-d", &source, "-D"])
        .arg(data(dir.path())))?;
    launched(dir, port, &[("primary_conninfo", &source)])
}

fn empty() -> Result<(TempDir, u16)> {
    ensure(&[Prerequisite::Postgres])?;
    let dir = tempfile::Builder::new().prefix("velostream-postgres").tempdir()?;
    if let Some(user) = ServerUser::find()? {
        std::os::unix::fs::chown(dir.path(), Some(user.uid), Some(user.gid))?;
    }
    let port = free_ports(1)?.first().copied().context("no port")?;
    Ok((dir, port))
}

fn launched(dir: TempDir, port: u16, settings: &[(&str, &str)]) -> Result<PostgresServer> {
    let data = data(dir.path());
    configure(&data, port, settings)?;
    let mut host = NativeHost::new("postgres", dir.path().to_path_buf(), move || {
        let mut command = program("postgres")?;
        command.arg("-D").arg(&data);
        Ok(command)
    });
    host.launch()?;
    Ok(PostgresServer { host: Box::new(host), place: Place::Machine { _dir: dir }, port })
}

fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn configure(data: &Path, port: u16, settings: &[(&str, &str)]) -> Result<()> {
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        ("unix_socket_directories", ""),
        ("shared_buffers", "16MB"),
        ("max_connections", "50"),
        // With the data: a server that is killed with -9 leaves its segments, and in /dev/shm nobody would remove them.
        ("dynamic_shared_memory_type", "mmap"),
    ];
    let lines: String =
        ours.iter().chain(settings).map(|(name, value)| format!("{name} = '{value}'\n")).collect();
    // Read behind postgresql.conf, and before what pg_basebackup wrote is overruled by the last line.
    let file = data.join("postgresql.auto.conf");
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, format!("{before}\n{lines}")).with_context(|| format!("cannot write {}", file.display()))
}
