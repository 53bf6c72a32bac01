//! PostgreSQL: away, unwilling, without tables, weaker than claimed.

use anyhow::{Result, bail};
use velostream_testkit::services::PostgresServer;
use velostream_testkit::states::{StateServer, StoreKind};

use crate::refused::{CANARY, dead_port, expect, run, tables};
use crate::{Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("postgres::server_that_is_away_is_named", away),
    ("postgres::wrong_password_is_refused_and_not_shown", password),
    ("postgres::schema_without_tables_is_refused", schema),
    ("postgres::server_that_keeps_less_than_claimed_is_refused_by_the_setting", weak),
];

const STORE: &str = "postgres: { url: \"${STATE_URL}\" }";

fn away(_: &Servers) -> Result<()> {
    let url = format!("postgresql://worker:{CANARY}@127.0.0.1:{}/postgres", dead_port()?);
    let ended = run("away", STORE, &[("STATE_URL", &url)])?;
    expect(&ended, 69, "VS-0053", &["state_store.postgres"], "Start the server")
}

fn password(_: &Servers) -> Result<()> {
    let server = PostgresServer::start(&[("password_encryption", "scram-sha-256")])?;
    server.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")?;
    server.admit("host all all all scram-sha-256")?;
    let url = format!("postgresql://locked:{CANARY}@127.0.0.1:{}/postgres", server.port());
    let ended = run("password", STORE, &[("STATE_URL", &url)])?;
    let words = ["state_store.postgres", "password authentication failed"];
    expect(&ended, 69, "VS-0053", &words, "Correct in state_store.postgres")
}

fn schema(servers: &Servers) -> Result<()> {
    let store = "postgres: { url: \"${STATE_URL}\", schema: nowhere }";
    let ended = run("schema", store, &[("STATE_URL", &server(servers)?.url("postgres"))])?;
    expect(&ended, 69, "VS-0053", &["state_store.postgres", "nowhere"], "Create the tables or bring")
}

fn weak(servers: &Servers) -> Result<()> {
    let server = server(servers)?;
    // Made under a claim that holds.
    let made = tables(servers, StoreKind::Postgres)?;
    let store = format!("postgres: {{ url: \"${{STATE_URL}}\", schema: {made}, class: G2 }}");
    let ended = run("claims", &store, &[("STATE_URL", &server.url("postgres"))])?;
    expect(&ended, 1, "VS-0057", &["G2", "synchronous_standby_names"], "Correct the setting")
}

fn server(servers: &Servers) -> Result<&PostgresServer> {
    match servers.get(StoreKind::Postgres)? {
        StateServer::Postgres(server) => Ok(server),
        other => bail!("{} is not PostgreSQL", other.kind()),
    }
}
