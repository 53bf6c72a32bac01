//! What a job says that cannot use its state store.

use anyhow::{Result, ensure};
use velostream_testkit::nemesis::{Ended, Job};
use velostream_testkit::services::free_ports;
use velostream_testkit::states::{Lines, StoreKind};

use crate::{IDS, Servers};

/// What no message may show.
pub(crate) const CANARY: &str = "canary4711";

/// A small job with these lines for its store; it is run once.
pub(crate) fn run(name: &str, store: &str, variables: &[(&str, &str)]) -> Result<Ended> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 10, 1)?;
    let mut job: Job = lines.job(name).top(IDS).top(&format!("state_store: {{ {store} }}"));
    for (variable, value) in variables {
        job = job.variable(variable, value);
    }
    job.run_until_caught_up("w0")
}

/// One line with the code, the place in the job file and the store's words; then a remedy. Nothing was delivered.
pub(crate) fn expect(ended: &Ended, exit: i32, code: &str, words: &[&str], remedy: &str) -> Result<()> {
    let line = ended.error_line().unwrap_or_default();
    println!("{}", ended.message());
    ensure!(ended.code == Some(exit), "exit code {:?}: {}", ended.code, ended.stderr);
    ensure!(line.contains(code) && line.contains("state_store."), "{line}");
    for word in words {
        ensure!(ended.message().contains(word), "{word:?} is not in {}", ended.message());
    }
    ensure!(ended.message().contains(&format!("remedy: {remedy}")), "{}", ended.message());
    ensure!(!ended.stderr.contains(CANARY) && !ended.stdout.contains(CANARY), "a secret is shown");
    Ok(())
}

/// Makes what the store needs; the name of its schema or table.
pub(crate) fn tables(servers: &Servers, kind: StoreKind) -> Result<String> {
    let dir = tempfile::tempdir()?;
    let job = Job::files("claims", dir.path(), &dir.path().join("in"), &dir.path().join("out/o")).top(IDS);
    servers.get(kind)?.give(job)?;
    Ok("claims".to_owned())
}

/// A port on which nobody listens.
pub(crate) fn dead_port() -> Result<u16> {
    Ok(free_ports(1)?.pop().unwrap_or(1))
}
