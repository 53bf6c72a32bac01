//! Somebody else has the ids: a live worker, and one that is dead.

use anyhow::{Result, ensure};
use velostream_testkit::nemesis::{Ended, Job, Worker, ends_well, until};
use velostream_testkit::states::{Lines, StoreKind};

use crate::metrics::Metrics;
use crate::{IDS, Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("redis::ids_of_a_live_worker_are_looked_at_and_not_taken", |servers| live(servers, StoreKind::Redis)),
    ("postgres::ids_of_a_live_worker_are_looked_at_and_not_taken", |servers| {
        live(servers, StoreKind::Postgres)
    }),
    ("dynamodb::ids_of_a_live_worker_are_looked_at_and_not_taken", |servers| {
        live(servers, StoreKind::DynamoDb)
    }),
];

fn live(servers: &Servers, kind: StoreKind) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 300, 4)?;
    let metrics = Metrics::new()?;
    let job = lines.job(&format!("live-{kind}")).source("follow: true").top(IDS);
    let job = servers.get(kind)?.give(job)?;
    let worker = Worker::of(&job.clone().top(&metrics.listen()), "w0")?;
    until(|| metrics.calls("commit") > 0 && metrics.delivered() == 300)?;
    // It has nothing to deliver from here on: only its signs of life change the store.
    // The last batch is confirmed once the worker has nothing else to do.
    let shown = || job.command(&["state", "show"]).map(|shown| shown.stdout).unwrap_or_default();
    until(|| {
        let shown = shown();
        shown.contains("w0") && shown.lines().any(|line| line.starts_with("ids") && line.ends_with("300"))
    })?;
    let listed = job.command(&["state", "ls"])?;
    ensure!(listed.stdout.contains(&format!("{}.lane-0", job.name)), "{listed:?}");
    let asked = job.command(&["check", "--live"])?;
    ensure!(asked.stdout.contains("checked against the server"), "{asked:?}");
    ensure!(asked.code == Some(0) && asked.stdout.contains("held by"), "{asked:?}");
    refused(&job.command(&["state", "reset", "--execute"])?)?;
    // Another host: nothing but the store knows of the first worker.
    let elsewhere = job.clone().state_dir(&dir.path().join("elsewhere"));
    refused(&elsewhere.run_until_caught_up("w1")?)?;
    worker.kill()?;
    let done = reset_of_the_dead(&job)?;
    ensure!(done.stdout.contains("300 ids") && done.stdout.ends_with("are forgotten\n"), "{done:?}");
    // What the sink holds is read again, so that nothing comes twice.
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()
}

fn reset_of_the_dead(job: &Job) -> Result<Ended> {
    let done = job.command(&["state", "reset", "--execute"])?;
    ends_well(&done)?;
    Ok(done)
}

fn refused(ended: &Ended) -> Result<()> {
    let said = ended.error_line().unwrap_or_default();
    ensure!(said.contains("VS-0055") && said.contains("worker w0 has its state in"), "{ended:?}");
    Ok(())
}
