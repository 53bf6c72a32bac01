//! Entries that come again as they were, in other partitions.

use anyhow::{Result, ensure};
use exactly_once::ExactlyOnceJobProcessor;
use exactly_once::config::StateDir;
use exactly_once::explain::Required;
use velostream_testkit::load::{Codec, MadeRecord, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene};
use velostream_testkit::services::PostgresServer;

use crate::audit_example::{audit, run};
use crate::census::expect_once;
use crate::{PARTITIONS, partition, runtime};

const ENTRIES: u64 = 4_000;
const FRESH: u64 = 100;

/// Entry `n` in a partition that `again` changes.
fn entry(n: u64, again: u64) -> (i32, MadeRecord) {
    let value = format!("user {} opened record {n}", n % 17);
    let record =
        MadeRecord { key: Some(b"audit".to_vec()), value: Some(value.into_bytes()), ..MadeRecord::default() };
    (partition(n + again), record)
}

fn number(key: &str, value: &str) -> Option<u64> {
    let n = value.rsplit_once(' ')?.1.parse().ok()?;
    (key == "audit" && entry(n, 0).1.value.as_deref() == Some(value.as_bytes())).then_some(n)
}

#[test]
fn entries_that_come_again_are_delivered_once_and_a_second_run_delivers_nothing() -> Result<()> {
    let postgres = PostgresServer::start(&[])?;
    let scene = Scene::new("audit")?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let destination = format!("once.{}", scene.name);
    let sent = (0..ENTRIES).flat_map(|n| [Some(entry(n, 0)), (n % 5 == 4).then(|| entry(n - 4, 1))]);
    send(&scene.source, &scene.name, Codec::Gzip, sent.flatten())?;

    let runtime = runtime()?;
    let deliver = |host: &str| -> Result<_> {
        let mut job = audit(&scene.source, &scene.sink, &scene.name, &postgres.url("postgres"))?;
        job.state_dir = StateDir::new(scene.dir().join(host).to_string_lossy());
        let worker = ExactlyOnceJobProcessor::new(job)?.require(Required::ExactlyOnce)?.until_caught_up();
        let (stats, metrics) = runtime.block_on(run(&worker))?;
        println!("{stats:?}");
        let shown = metrics.export_prometheus();
        let counted = |name: &str, count: u64| {
            let lines = shown.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>() == count
        };
        ensure!(counted("exactly_once_records_processed_total", stats.records), "{shown}");
        Ok((stats.records, stats.duplicates))
    };
    ensure!(deliver("here")? == (ENTRIES, ENTRIES / 5), "the first run");
    expect_once(&scene.sink, &destination, ENTRIES, number)?;
    ensure!(deliver("here")? == (0, 0), "the second run");

    // On another host, which has nothing but PostgreSQL to know them by.
    send(&scene.source, &scene.name, Codec::None, (0..ENTRIES + FRESH).map(|n| entry(n, 2)))?;
    ensure!(deliver("elsewhere")? == (FRESH, ENTRIES), "the run elsewhere");
    expect_once(&scene.sink, &destination, ENTRIES + FRESH, number)
}
