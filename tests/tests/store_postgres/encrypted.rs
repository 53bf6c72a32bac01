//! Encrypted connections: who is trusted, and who is not.

use std::error::Error as _;

use velostream_core::{ConditionalStore as _, Disposition, Error};
use velostream_store_memory::MemoryStore;
use velostream_store_postgres::{Dialect, PostgresConfig, PostgresStore, Tls};
use velostream_testkit::answers_as_the_model;
use velostream_testkit::services::{Authority, PostgresServer};

use crate::server::{name, run, settle};

/// A server whose certificate is for `names`; others than the superuser have to come encrypted.
fn server(authority: &Authority, names: &str) -> PostgresServer {
    let server = PostgresServer::start(&[]).unwrap();
    settle(&server);
    server.encrypt(&authority.sign("server", names).unwrap()).unwrap();
    server
}

fn config(server: &PostgresServer, trusted: Option<&Authority>) -> PostgresConfig {
    let name = name(Dialect::PostgreSql);
    let mut config = PostgresConfig::new(server.url(name));
    config.schema = name.into();
    config.tls = Tls::Verify { ca_file: trusted.map(Authority::file) };
    config
}

fn refusal(config: PostgresConfig) -> Error {
    run(async { PostgresStore::open(config).await.map(|_| ()) }).unwrap_err()
}

fn expect(error: &Error, disposition: Disposition, word: &str) {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        said = format!("{said}: {why}");
        cause = why.source();
    }
    assert!(error.disposition() == disposition && said.contains(word), "{disposition}: {said}");
}

fn expect_rejected(error: &Error, word: &str) {
    expect(error, Disposition::Reject, word);
}

pub(crate) fn trusted() {
    let authority = Authority::new().unwrap();
    let server = server(&authority, "IP:127.0.0.1");
    let config = config(&server, Some(&authority));
    run(async {
        let store = PostgresStore::open(config).await.unwrap();
        store.attest().await.unwrap();
        answers_as_the_model(&store, &MemoryStore::new(), "set", 1, 100).await.unwrap();
    });
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE usename = 'velostream_worker' AND NOT ssl";
    assert_eq!(server.ask(plain).unwrap(), "0");
}

pub(crate) fn other_authority() {
    let server = server(&Authority::new().unwrap(), "IP:127.0.0.1");
    expect_rejected(&refusal(config(&server, Some(&Authority::new().unwrap()))), "certificate");
    // Those of the system do not know it either.
    expect_rejected(&refusal(config(&server, None)), "certificate");
}

pub(crate) fn other_name() {
    let authority = Authority::new().unwrap();
    let server = server(&authority, "DNS:elsewhere.example");
    expect_rejected(&refusal(config(&server, Some(&authority))), "certificate");
}

pub(crate) fn plain_client() {
    let authority = Authority::new().unwrap();
    let server = server(&authority, "IP:127.0.0.1");
    let mut config = config(&server, None);
    config.tls = Tls::Off;
    expect_rejected(&refusal(config), "no encryption");
}

pub(crate) fn plain_server() {
    let server = PostgresServer::start(&[]).unwrap();
    settle(&server);
    // It may be restarted with other settings.
    let error = refusal(config(&server, Some(&Authority::new().unwrap())));
    expect(&error, Disposition::Retry, "server does not support TLS");
}
