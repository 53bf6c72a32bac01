//! No error and no `Debug` shows the password.

#![allow(clippy::unwrap_used, reason = "a broken test shows itself by a panic")]

use std::error::Error as _;
use std::time::Duration;

use velostream_store_postgres::{PostgresConfig, PostgresStore, Tls};

const CANARY: &str = "CANARY-7731";

async fn shown(url: &str) -> String {
    let mut config = PostgresConfig::new(url);
    config.connect_timeout = Duration::from_millis(500);
    let mut all = format!("{config:?}");
    let error = PostgresStore::open(config).await.unwrap_err();
    all += &format!("{error} {error:?} {}", error.remedy());
    let mut source = error.source();
    while let Some(cause) = source {
        all += &format!("{cause} {cause:?}");
        source = cause.source();
    }
    all
}

#[tokio::test]
async fn error_of_any_kind_leaves_the_password_out() {
    for url in [
        // Nobody listens on port 1.
        "postgresql://worker:CANARY-7731@127.0.0.1:1/d",
        "postgresql://worker:CANARY-7731@127.0.0.1:1/d?sslmode=require",
        "postgresql://worker:CANARY-7731@127.0.0.1:CANARY-7731/d",
        "postgresql://worker@127.0.0.1:1/d?CANARY-7731=1",
        "host=127.0.0.1 password=CANARY-7731 port=CANARY-7731",
        "CANARY-7731",
    ] {
        let shown = shown(url).await;
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[tokio::test]
async fn authorities_that_are_none_are_refused_with_their_file() {
    let mut config = PostgresConfig::new("postgresql://worker@127.0.0.1:1/d");
    config.tls = Tls::Verify { ca_file: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into()) };
    let error = PostgresStore::open(config).await.unwrap_err();
    assert!(error.to_string().contains("Cargo.toml"), "{error}");
    assert!(error.is_fatal());
}
