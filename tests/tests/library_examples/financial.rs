//! Payments that are sent again with other details, in other partitions.

use std::future::pending;

use anyhow::{Context as _, Result, ensure};
use exactly_once::explain::Required;
use velostream_testkit::load::{Codec, MadeRecord, send};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene};
use velostream_testkit::services::RedisServer;

use crate::census::expect_once;
use crate::financial_example::{payments, run};
use crate::{PARTITIONS, partition, runtime};

const PAYMENTS: u64 = 4_000;
const FRESH: u64 = 100;

fn key(n: u64) -> String {
    format!("customer {}", n % 61)
}

/// Payment `n`, sent for the `attempt`-th time.
fn payment(n: u64, attempt: u64) -> (i32, MadeRecord) {
    let value = format!("{{\"attempt\":{attempt},\"account\":\"acc-{}\",\"transaction_id\":{n}}}", n % 53);
    let record = MadeRecord {
        key: Some(key(n).into_bytes()),
        value: Some(value.into_bytes()),
        ..MadeRecord::default()
    };
    (partition(n + attempt), record)
}

fn number(found_key: &str, value: &str) -> Option<u64> {
    let n = value.split_once("\"transaction_id\":")?.1.strip_suffix('}')?.parse().ok()?;
    let sent = |attempt| payment(n, attempt).1.value.as_deref() == Some(value.as_bytes());
    (found_key == key(n) && (1..=3).any(sent)).then_some(n)
}

#[test]
fn payments_that_come_again_are_delivered_once_and_a_second_run_delivers_nothing() -> Result<()> {
    let redis = RedisServer::start("financial", &[])?;
    let scene = Scene::new("payments")?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    let destination = format!("once.{}", scene.name);
    let sent = (0..PAYMENTS).flat_map(|n| [Some(payment(n, 1)), (n % 4 == 3).then(|| payment(n - 3, 2))]);
    send(&scene.source, &scene.name, Codec::Lz4, sent.flatten())?;

    let job = payments(&scene.source, &scene.sink, &scene.name, &redis.url());
    let worker = |host: &str| -> Result<_> {
        let state_dir = scene.dir().join(host).to_string_lossy().into_owned();
        Ok(job.clone().state_dir(state_dir).processor()?.require(Required::ExactlyOnce)?)
    };
    let runtime = runtime()?;

    // Stopped as soon as something is there, and then run to the end.
    let (first, sink, topic) = (worker("here")?, scene.sink.clone(), destination.clone());
    let delivered = async move {
        let seen = tokio::task::spawn_blocking(move || await_something(&sink, &topic)).await;
        drop(seen);
    };
    let stopped = runtime.block_on(run(&first, delivered))?;
    let rest = runtime.block_on(run(&worker("here")?.until_caught_up(), pending()))?;
    println!("{stopped:?}\n{rest:?}");
    ensure!(stopped.records > 0 && stopped.records + rest.records == PAYMENTS, "{stopped:?} {rest:?}");
    expect_once(&scene.sink, &destination, PAYMENTS, number)?;

    let again = runtime.block_on(run(&worker("here")?.until_caught_up(), pending()))?;
    ensure!((again.records, again.duplicates) == (0, 0), "{again:?}");

    // On another host, which has nothing but Redis to know them by.
    let sent = (0..PAYMENTS + FRESH).map(|n| payment(n, if n < PAYMENTS { 3 } else { 1 }));
    send(&scene.source, &scene.name, Codec::Zstd, sent)?;
    let moved = runtime.block_on(run(&worker("elsewhere")?.until_caught_up(), pending()))?;
    println!("{moved:?}");
    ensure!((moved.records, moved.duplicates) == (FRESH, PAYMENTS), "{moved:?}");
    expect_once(&scene.sink, &destination, PAYMENTS + FRESH, number)
}

fn await_something(sink: &str, topic: &str) -> Result<()> {
    let there = || {
        velostream_testkit::load::end_offsets(sink, topic).is_ok_and(|ends| ends.iter().any(|end| *end > 0))
    };
    velostream_testkit::nemesis::until(there).context("nothing is delivered")
}
