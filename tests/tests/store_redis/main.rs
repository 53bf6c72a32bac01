//! The store on real Redis servers: the contract case by case, servers that are killed, and answers that are lost.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "real servers in real time; a broken test shows itself by a panic"
)]

mod attested;
mod cut;
mod faults;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use velostream_conformance::{Fixture, STORE_CASES};
use velostream_core::ConditionalStore;
use velostream_store_redis::{RedisConfig, RedisStore};
use velostream_testkit::services::RedisServer;

/// Tells the prefixes of cases apart that share the server.
static CASES: AtomicU32 = AtomicU32::new(0);

/// A configuration under a prefix that nobody else uses, inside what the user may touch.
fn config(port: u16) -> RedisConfig {
    let number = CASES.fetch_add(1, Ordering::Relaxed);
    let mut config = RedisConfig::single(RedisServer::url_at(port));
    config.prefix = format!("velostream:{number}:");
    config
}

async fn fixture(port: u16) -> Fixture {
    let config = config(port);
    let store = RedisStore::open(config.clone()).await.unwrap();
    Fixture::new(Arc::new(store)).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(RedisStore::open(config).await.unwrap());
            again
        })
    }))
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let shared: Arc<OnceLock<Result<RedisServer, String>>> = Arc::default();
    let mut trials = Vec::new();
    for case in STORE_CASES {
        let shared = Arc::clone(&shared);
        trials.push(Trial::test(format!("single::{}", case.name), move || {
            let server = shared
                .get_or_init(|| RedisServer::start("shared", &[]).map_err(|error| format!("{error:#}")));
            let port = server.as_ref().map_err(String::clone)?.port();
            velostream_conformance::run(case.name, || fixture(port));
            Ok(())
        }));
    }
    for (name, test) in attested::tests().into_iter().chain(faults::tests()) {
        trials.push(Trial::test(name, move || test().map_err(|error| format!("{error:#}").into())));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the server behind.
    drop(shared);
    conclusion.exit_code()
}

/// A test with servers of its own.
type Test = (&'static str, fn() -> anyhow::Result<()>);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
