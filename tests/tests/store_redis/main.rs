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
mod shared_ids;
mod shared_limits;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use libtest_mimic::Arguments;
use velostream_conformance::{Fixture, SharedFixture};
use velostream_core::{ConditionalStore, SharedIds};
use velostream_store_redis::{RedisConfig, RedisStore};
use velostream_testkit::services::{RedisServer, foreign_url};
use velostream_testkit::{
    Factory, contract_trials, contract_trials_through_wrappers, run_name, server_trial,
};

/// Tells the prefixes of cases apart that share the server.
static CASES: AtomicU32 = AtomicU32::new(0);

/// A configuration under a prefix that nobody else uses, inside what the user may touch.
fn config(port: u16) -> RedisConfig {
    config_at(RedisServer::url_at(port))
}

fn config_at(url: String) -> RedisConfig {
    let number = CASES.fetch_add(1, Ordering::Relaxed);
    let mut config = RedisConfig::single(url);
    config.prefix = format!("velostream:{}-{number}:", run_name());
    config
}

async fn fixture(url: String) -> Fixture {
    let config = config_at(url);
    let store = RedisStore::open(config.clone()).await.unwrap();
    Fixture::new(Arc::new(store)).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(RedisStore::open(config).await.unwrap());
            again
        })
    }))
}

async fn shared_fixture(url: String) -> SharedFixture {
    let config = config_at(url);
    let store = RedisStore::open(config.clone()).await.unwrap();
    SharedFixture::new(Arc::new(store)).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn SharedIds> = Arc::new(RedisStore::open(config).await.unwrap());
            again
        })
    }))
}

/// The server that all cases share, started by the first that needs it.
type Server = OnceLock<Result<RedisServer, String>>;

fn url(server: &Server) -> Result<String, String> {
    if let Some(url) = foreign_url("REDIS") {
        return Ok(url);
    }
    let started =
        server.get_or_init(|| RedisServer::start("shared", &[]).map_err(|error| format!("{error:#}")));
    Ok(started.as_ref().map_err(String::clone)?.url())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let server: Arc<Server> = Arc::default();
    let mut trials = Vec::new();
    let single: Factory = {
        let server = Arc::clone(&server);
        Arc::new(move |_| Ok(Box::pin(fixture(url(&server)?))))
    };
    let shared: Factory<SharedFixture> = {
        let server = Arc::clone(&server);
        Arc::new(move |_| Ok(Box::pin(shared_fixture(url(&server)?))))
    };
    trials.extend(contract_trials("single", &single));
    trials.extend(contract_trials_through_wrappers("single", &single));
    trials.extend(contract_trials("single", &shared));
    trials.extend(contract_trials_through_wrappers("single", &shared));
    drop((single, shared));
    let alone = attested::tests()
        .into_iter()
        .chain(faults::tests())
        .chain(shared_ids::tests())
        .chain(shared_limits::tests());
    for (name, test) in alone {
        trials.push(server_trial("REDIS", name, move || test().map_err(|error| format!("{error:#}").into())));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit_code()
}

/// A test with servers of its own.
type Test = (&'static str, fn() -> anyhow::Result<()>);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
