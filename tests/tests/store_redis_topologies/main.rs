//! The store where there is more than one server: the contract on a Valkey cluster and behind sentinels, servers that are
//! killed or replaced, slots that move, replicas that commits wait for, encrypted connections, and job files that name all of it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "real servers in real time; a broken test shows itself by a panic"
)]

mod chain;
mod cluster;
mod conformance;
mod encrypted;
mod jobs;
mod lagging;
mod sentinel;
mod shared;
mod shared_ids;
mod slot_move;
mod takings;
mod waits;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Arguments, Trial};
use velostream_store_redis::{RedisConfig, Topology};
use velostream_testkit::run_name;

use shared::Shared;

/// Tells the prefixes of cases apart that share the servers.
static CASES: AtomicU32 = AtomicU32::new(0);

/// A configuration under a prefix that nobody else uses, inside what the user may touch.
fn config_of(topology: Topology) -> RedisConfig {
    let number = CASES.fetch_add(1, Ordering::Relaxed);
    let mut config = RedisConfig::new(topology);
    config.prefix = format!("velostream:{}-{number}:", run_name());
    config
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let shared = Arc::new(Shared::default());
    let mut trials = conformance::trials(&shared);
    let alone = cluster::tests()
        .into_iter()
        .chain(encrypted::tests())
        .chain(jobs::tests())
        .chain(lagging::tests())
        .chain(sentinel::tests())
        .chain(shared_ids::tests())
        .chain(waits::tests());
    for (name, test) in alone {
        trials.push(Trial::test(name, move || test().map_err(|error| format!("{error:#}").into())));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the servers behind.
    drop(shared);
    conclusion.exit_code()
}

/// A test with servers of its own.
type Test = (&'static str, fn() -> anyhow::Result<()>);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
