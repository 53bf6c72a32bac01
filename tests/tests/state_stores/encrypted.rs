//! PostgreSQL that takes encrypted connections alone.

use anyhow::Result;
use velostream_testkit::nemesis::ends_well;
use velostream_testkit::services::{Authority, PostgresServer};
use velostream_testkit::states::Lines;

use crate::refused::{expect, run};
use crate::{IDS, Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("postgres::job_over_an_encrypted_connection_delivers_each_content_once", trusted),
    ("postgres::certificate_of_another_authority_is_refused", distrusted),
];

/// A server with a user who may do anything, but only encrypted.
fn server(authority: &Authority) -> Result<PostgresServer> {
    let server = PostgresServer::start(&[])?;
    server.sql("CREATE ROLE encrypted SUPERUSER LOGIN")?;
    server.encrypt(&authority.sign("server", "IP:127.0.0.1")?)?;
    Ok(server)
}

fn store(trusted: &Authority) -> String {
    let file = trusted.file();
    format!(
        "postgres: {{ url: \"${{STATE_URL}}\", tls: {{ verify: {{ ca_file: \"{}\" }} }} }}",
        file.display()
    )
}

fn trusted(_: &Servers) -> Result<()> {
    let authority = Authority::new()?;
    let server = server(&authority)?;
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 500, 13)?;
    let job = lines.job("encrypted").top(&format!("state_store: {{ {} }}", store(&authority))).top(IDS);
    let job = job.variable("STATE_URL", &server.url("encrypted"));
    ends_well(&job.command(&["state", "init"])?)?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()
}

fn distrusted(_: &Servers) -> Result<()> {
    let server = server(&Authority::new()?)?;
    let url = server.url("encrypted");
    let ended = run("distrusted", &store(&Authority::new()?), &[("STATE_URL", &url)])?;
    expect(&ended, 69, "VS-0053", &["state_store.postgres", "certificate"], "Name the file of the authority")
}
