//! The bench of a job's store on real servers.

use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::nemesis::{Job, ends_well, until};
use velostream_testkit::states::{Lines, StoreKind};

use crate::{IDS, Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("redis::bench_leaves_nothing_and_is_alone", |servers| alone(servers, StoreKind::Redis)),
    ("postgres::bench_leaves_nothing_and_is_alone", |servers| alone(servers, StoreKind::Postgres)),
    ("dynamodb::bench_leaves_nothing_and_is_alone", |servers| alone(servers, StoreKind::DynamoDb)),
];

fn alone(servers: &Servers, kind: StoreKind) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 300, 14)?;
    let job = servers.get(kind)?.give(lines.job(&format!("bench-{kind}")).top(IDS))?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    let before = job.command(&["state", "ls"])?.stdout;
    ensure!(before.contains(".lane-0") && !before.contains(".bench"), "{before}");

    let short = ["--batches", "5", "--ids", "100"];
    let done = bench(&job, &short)?.wait(Duration::from_secs(60))?;
    println!("{}", done.stdout);
    ends_well(&done)?;
    ensure!(done.stdout.contains("1.00 calls of the store per batch"), "{done:?}");
    ensure!(job.command(&["state", "ls"])?.stdout == before, "something stayed");

    let endless = bench(&job, &["--batches", "20000", "--ids", "100"])?;
    until(|| job.command(&["state", "ls"]).is_ok_and(|listed| listed.stdout.contains(".bench")))?;
    let refused = bench(&job, &short)?.wait(Duration::from_secs(60))?;
    ensure!(refused.message().contains("VS-0055"), "{refused:?}");
    endless.kill()?;
    // Once it has shown no life for a lease, its rest goes.
    ends_well(&bench(&job, &short)?.wait(Duration::from_secs(60))?)?;
    ensure!(job.command(&["state", "ls"])?.stdout == before, "something stayed");
    // What the job has was never touched.
    let again = lines.expected()?.into_iter().step_by(3);
    lines.add("9", &again.collect::<Vec<_>>())?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()
}

fn bench(job: &Job, arguments: &[&str]) -> Result<velostream_testkit::nemesis::Worker> {
    let path = job.write()?;
    let path = path.to_string_lossy();
    job.start(&[&["state", "bench", "--store-of", &path], arguments].concat())
}
