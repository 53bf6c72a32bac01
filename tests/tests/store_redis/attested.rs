//! Servers that are weaker than the claim, and users that may not.

use anyhow::{Result, ensure};
use velostream_core::{ConditionalStore, Disposition};
use velostream_store_redis::{Fsync, RedisConfig, RedisStore};
use velostream_testkit::services::RedisServer;

use crate::{Test, config, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("attest_of_a_server_that_evicts_is_refused", evicts),
        ("attest_of_a_server_that_syncs_every_second_is_refused_unless_configured", every_second),
        ("attest_of_a_server_that_would_drop_its_file_is_refused", drops_its_file),
        ("open_with_a_wrong_password_is_rejected_without_secrets", wrong_password),
        ("open_without_a_server_is_retried", no_server),
    ]
}

fn refusal(extra: &[(&str, &str)], fsync: Fsync) -> Result<Option<velostream_core::Error>> {
    let server = RedisServer::start("weak", extra)?;
    runtime().block_on(async {
        let mut config = config(server.port());
        config.fsync = fsync;
        Ok(RedisStore::open(config).await?.attest().await.err())
    })
}

fn evicts() -> Result<()> {
    let refused = refusal(&[("maxmemory-policy", "allkeys-lru")], Fsync::Always)?;
    let text = refused.map(|error| error.to_string()).unwrap_or_default();
    ensure!(text.contains("VS-0057") && text.contains("maxmemory-policy"), "{text:?}");
    Ok(())
}

fn every_second() -> Result<()> {
    let extra = [("appendfsync", "everysec")];
    let refused = refusal(&extra, Fsync::Always)?.map(|error| error.to_string()).unwrap_or_default();
    ensure!(refused.contains("appendfsync"), "{refused:?}");
    ensure!(refusal(&extra, Fsync::EverySecond)?.is_none(), "the weaker claim holds");
    Ok(())
}

fn drops_its_file() -> Result<()> {
    let refused = refusal(&[("aclfile", "weak.conf")], Fsync::Always)?;
    let text = refused.map(|error| error.to_string()).unwrap_or_default();
    ensure!(text.contains("user default"), "{text:?}");
    Ok(())
}

fn wrong_password() -> Result<()> {
    let server = RedisServer::start("login", &[])?;
    let url = format!("redis://velostream:hidden-word@127.0.0.1:{}", server.port());
    let refused = runtime().block_on(RedisStore::open(RedisConfig::single(url))).map(|_| ());
    let error = refused.err().map(|error| (error.disposition(), format!("{error} {error:?}")));
    let Some((disposition, text)) = error else { anyhow::bail!("a wrong password was taken") };
    ensure!(disposition == Disposition::Reject, "{disposition:?}: {text}");
    ensure!(!text.contains("hidden-word"), "{text}");
    Ok(())
}

fn no_server() -> Result<()> {
    let mut server = RedisServer::start("gone", &[])?;
    server.kill()?;
    let failed = runtime().block_on(RedisStore::open(RedisConfig::single(server.url()))).map(|_| ());
    let disposition = failed.err().map(|error| error.disposition());
    ensure!(disposition == Some(Disposition::Retry), "{disposition:?}");
    Ok(())
}
