//! Jobs that tell records apart by what they hold, on every state store: killed with -9, moved from store to store,
//! refused, and watched while somebody else holds their ids.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real servers in real time; seeds are shown"
)]

mod bench;
mod encrypted;
mod files;
mod holder;
mod kafka;
mod metrics;
mod moved;
mod refused;
mod refused_dynamodb;
mod refused_postgres;
mod refused_redis;
mod shared;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use velostream_testkit::services::KafkaPair;
use velostream_testkit::states::{StateServer, StoreKind};

/// Tests at a time. Most of the time they wait for a lease or a session to end, so that more of them than there are cores
/// keep none busy.
const AT_A_TIME: usize = 6;

/// The servers that the tests share; each starts with the first test that wants it.
struct Servers {
    stores: BTreeMap<StoreKind, OnceLock<Result<StateServer, String>>>,
    kafka: OnceLock<Result<KafkaPair, String>>,
}

impl Servers {
    fn new() -> Self {
        let stores = StoreKind::ALL.into_iter().map(|kind| (kind, OnceLock::new())).collect();
        Self { stores, kafka: OnceLock::new() }
    }

    fn get(&self, kind: StoreKind) -> Result<&StateServer> {
        let slot = self.stores.get(&kind).context("no such store")?;
        let server = slot.get_or_init(|| StateServer::start(kind).map_err(|error| format!("{error:#}")));
        server.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Keeps the two clusters until the last test.
    fn kafka(&self) -> Result<&KafkaPair> {
        let pair = self.kafka.get_or_init(|| KafkaPair::get().map_err(|error| format!("{error:#}")));
        pair.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let servers = Arc::new(Servers::new());
    let mut trials = Vec::new();
    let mut add = |name: String, test: Boxed| {
        let servers = Arc::clone(&servers);
        trials.push(Trial::test(name, move || test(&servers).map_err(|error| format!("{error:#}").into())));
    };
    for kind in [StoreKind::Redb, StoreKind::Redis, StoreKind::Postgres, StoreKind::DynamoDb] {
        add(
            format!("{kind}::files_worker_killed_five_times_delivers_each_content_once"),
            Box::new(move |servers| files::killed(servers.get(kind)?)),
        );
    }
    for kind in [StoreKind::Redis, StoreKind::Postgres, StoreKind::DynamoDb] {
        add(
            format!("{kind}::kafka_worker_killed_five_times_delivers_each_content_once"),
            Box::new(move |servers| kafka::killed(servers.kafka()?, servers.get(kind)?)),
        );
        add(
            format!("{kind}::server_killed_under_a_worker_loses_and_doubles_nothing"),
            Box::new(move |_| files::server_killed(&mut StateServer::start(kind)?)),
        );
    }
    for kind in [StoreKind::Redis, StoreKind::Postgres] {
        add(
            format!("{kind}::two_jobs_that_share_ids_killed_six_times_deliver_each_content_once"),
            Box::new(move |servers| shared::killed(servers.kafka()?, servers.get(kind)?)),
        );
        add(
            format!("{kind}::job_that_was_killed_with_shared_ids_in_hand_is_waited_for_by_name"),
            Box::new(move |servers| shared::dead_job_is_waited_for(servers.get(kind)?)),
        );
        add(
            format!("{kind}::what_cannot_be_done_with_shared_ids_is_refused_by_name"),
            Box::new(move |servers| shared::refused(servers.get(kind)?)),
        );
        add(
            format!("{kind}::calls_on_shared_ids_are_in_the_metrics"),
            Box::new(move |servers| shared::calls_on_the_set_are_measured(servers.get(kind)?)),
        );
    }
    let named = holder::TESTS.iter().chain(bench::TESTS).chain(moved::TESTS).chain(refused_redis::TESTS);
    let named = named.chain(encrypted::TESTS);
    for (name, test) in named.chain(refused_postgres::TESTS).chain(refused_dynamodb::TESTS).copied() {
        add(name.to_owned(), Box::new(test));
    }
    // `exit` would leave the servers behind.
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(servers);
    conclusion.exit_code()
}

/// A test of any kind.
type Boxed = Box<dyn Fn(&Servers) -> Result<()> + Send>;

/// A named test.
type Test = (&'static str, fn(&Servers) -> Result<()>);

/// What every job here says about ids.
const IDS: &str = "exactly_once: { record_id_strategy: content_hash, transaction: { max_bytes: 16KiB } }";

/// Where [`IDS`] ends a transaction.
const TRANSACTION_BYTES: u64 = 16 * 1024;
