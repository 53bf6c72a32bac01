//! Servers that die and replies that are lost: a typed error, and the truth once somebody looks.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use velostream_core::{ConditionalStore, Disposition, Outcome, Put, RootVersion, RootWrite};
use velostream_store_redis::RedisStore;
use velostream_testkit::services::RedisServer;

use crate::cut::Cut;
use crate::{Test, config, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("commit_whose_reply_is_lost_is_reconciled_and_repeated_once", lost_commit),
        ("delete_whose_reply_is_lost_is_reconciled", lost_delete),
        ("read_whose_reply_is_lost_is_retried", lost_read),
        ("commit_to_a_paused_server_ends_by_its_deadline", paused),
        ("server_killed_keeps_every_answered_commit", killed),
        ("server_that_forgot_the_scripts_is_told_again", flushed),
    ]
}

fn root(expected: Option<RootVersion>, value: &'static str) -> RootWrite {
    RootWrite { key: "t/root".into(), expected, value: value.into() }
}

fn put(name: &str) -> Put {
    Put { key: format!("t/{name}"), value: name.to_owned().into() }
}

fn applied(outcome: Outcome) -> Result<RootVersion> {
    match outcome {
        Outcome::Applied(version) => Ok(version),
        Outcome::Conflict(held) => bail!("it conflicted with {held:?}"),
    }
}

fn lost_commit() -> Result<()> {
    let server = RedisServer::start("lost-commit", &[])?;
    runtime().block_on(async {
        let cut = Cut::before(server.port()).await?;
        let store = RedisStore::open(config(cut.port)).await?;
        let first = applied(store.commit(&[], root(None, "1")).await?)?;
        cut.arm();
        let error = store.commit(&[put("p")], root(Some(first), "2")).await.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Reconcile, "{error}");
        ensure!(!cut.is_armed(), "no reply was lost");
        let held = store.read(&["t/root", "t/p"]).await?;
        let values: Vec<_> = held.iter().map(|held| held.as_ref().map(|held| &held.value[..])).collect();
        ensure!(values == [Some(&b"2"[..]), Some(b"p")], "{held:?}");
        let again = applied(store.commit(&[put("p")], root(Some(first), "2")).await?)?;
        ensure!(Some(again) == held.first().and_then(|held| held.as_ref()).map(|held| held.version), "twice");
        Ok(())
    })
}

fn lost_delete() -> Result<()> {
    let server = RedisServer::start("lost-delete", &[])?;
    runtime().block_on(async {
        let cut = Cut::before(server.port()).await?;
        let store = RedisStore::open(config(cut.port)).await?;
        applied(store.commit(&[put("p")], root(None, "1")).await?)?;
        // The server has the script only after a first call.
        store.delete(&["t/none"]).await?;
        cut.arm();
        let error = store.delete(&["t/p"]).await.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Reconcile, "{error}");
        store.delete(&["t/p"]).await?;
        ensure!(store.list("t/", None, 10).await? == ["t/root"], "it is still listed");
        Ok(())
    })
}

fn lost_read() -> Result<()> {
    let server = RedisServer::start("lost-read", &[])?;
    runtime().block_on(async {
        let cut = Cut::before(server.port()).await?;
        let store = RedisStore::open(config(cut.port)).await?;
        applied(store.commit(&[], root(None, "1")).await?)?;
        cut.arm();
        let error = store.read(&["t/root"]).await.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Retry, "{error}");
        cut.arm();
        let error = store.list("t/", None, 10).await.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Retry, "{error}");
        ensure!(store.read(&["t/root"]).await?.iter().all(Option::is_some), "it is gone");
        Ok(())
    })
}

fn paused() -> Result<()> {
    let server = RedisServer::start("paused", &[])?;
    runtime().block_on(async {
        let mut config = config(server.port());
        // Enough for a commit of a server that works, on a busy machine too.
        config.request_timeout = Duration::from_secs(3);
        let store = RedisStore::open(config).await?;
        let first = applied(store.commit(&[], root(None, "1")).await?)?;
        server.pause()?;
        // Far more than the deadline: what is looked for is a call that never ends.
        let guard = Duration::from_secs(30);
        let commit = store.commit(&[], root(Some(first), "2"));
        let error = tokio::time::timeout(guard, commit).await?.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Reconcile, "{error}");
        let checked = tokio::time::timeout(guard, store.health_check(Duration::from_millis(100))).await?;
        let error = checked.err().context("no error")?;
        ensure!(error.disposition() == Disposition::Retry, "{error}");
        Ok(())
    })
}

fn killed() -> Result<()> {
    let mut server = RedisServer::start("killed", &[])?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(server.port())))?;
    let mut version = None;
    for (round, value) in ["a", "b", "c"].into_iter().enumerate() {
        version = runtime.block_on(async {
            let name = put(&format!("p{round}"));
            anyhow::Ok(Some(applied(store.commit(&[name], root(version, value)).await?)?))
        })?;
        server.kill()?;
        let error = runtime.block_on(store.read(&["t/root"])).err().context("no error")?;
        ensure!(error.disposition() == Disposition::Retry, "{error}");
        server.restart()?;
        let held = runtime.block_on(store.read(&["t/root"]))?.pop().flatten().context("the root is gone")?;
        ensure!(Some(held.version) == version && held.value == value, "{held:?}");
        let keys = runtime.block_on(store.list("t/p", None, 10))?;
        ensure!(keys.len() == round + 1, "{keys:?}");
    }
    Ok(())
}

fn flushed() -> Result<()> {
    let mut server = RedisServer::start("flushed", &[])?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(server.port())))?;
    let first = applied(runtime.block_on(store.commit(&[put("p")], root(None, "1")))?)?;
    // Scripts live in memory only.
    server.restart()?;
    // The connection from before is found to be gone by the first call.
    drop(runtime.block_on(store.read(&["t/root"])));
    applied(runtime.block_on(store.commit(&[], root(Some(first), "2")))?)?;
    server.restart()?;
    drop(runtime.block_on(store.read(&["t/root"])));
    runtime.block_on(store.delete(&["t/p"]))?;
    ensure!(runtime.block_on(store.list("t/", None, 10))? == ["t/root"], "it is still listed");
    Ok(())
}
