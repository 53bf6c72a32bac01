//! Redis: away, unwilling, weaker than claimed.

use anyhow::{Result, bail};
use velostream_testkit::services::RedisServer;
use velostream_testkit::states::{StateServer, StoreKind};

use crate::refused::{CANARY, dead_port, expect, run};
use crate::{Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("redis::server_that_is_away_is_named_with_its_address", away),
    ("redis::wrong_password_is_refused_and_not_shown", password),
    ("redis::prefix_outside_the_rights_of_the_user_is_refused", prefix),
    ("redis::server_that_keeps_less_than_claimed_is_refused_by_the_setting", weak),
];

const STORE: &str = "redis: { url: \"${STATE_URL}\" }";

fn away(_: &Servers) -> Result<()> {
    let address = format!("127.0.0.1:{}", dead_port()?);
    let url = format!("redis://velostream:{CANARY}@{address}");
    let ended = run("away", STORE, &[("STATE_URL", &url)])?;
    expect(&ended, 69, "VS-0053", &["state_store.redis", &address], "Start the server")
}

fn password(servers: &Servers) -> Result<()> {
    let url = format!("redis://velostream:{CANARY}@127.0.0.1:{}", server(servers)?.port());
    let ended = run("password", STORE, &[("STATE_URL", &url)])?;
    expect(
        &ended,
        69,
        "VS-0053",
        &["state_store.redis", "Password authentication failed"],
        "Correct in state_store.redis",
    )
}

fn prefix(servers: &Servers) -> Result<()> {
    let store = "redis: { url: \"${STATE_URL}\", prefix: \"elsewhere:\" }";
    let ended = run("prefix", store, &[("STATE_URL", &server(servers)?.url())])?;
    expect(&ended, 69, "VS-0053", &["state_store.redis", "NoPerm"], "Correct in state_store.redis")
}

fn weak(_: &Servers) -> Result<()> {
    let server = RedisServer::start("weak", &[("appendfsync", "everysec")])?;
    let ended = run("weak", STORE, &[("STATE_URL", &server.url())])?;
    expect(&ended, 1, "VS-0057", &["appendfsync", "everysec"], "Correct the setting")
}

fn server(servers: &Servers) -> Result<&RedisServer> {
    match servers.get(StoreKind::Redis)? {
        StateServer::Redis(server) => Ok(server),
        other => bail!("{} is not Redis", other.kind()),
    }
}
