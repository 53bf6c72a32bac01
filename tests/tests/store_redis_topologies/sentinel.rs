//! Servers behind sentinels that change their roles.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use velostream_core::{ConditionalStore, Disposition};
use velostream_store_redis::{RedisConfig, RedisStore, Replicas, Topology};
use velostream_testkit::services::{RedisNode, RedisSentinels};

use crate::chain::Chain;
use crate::{Test, config_of, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("sentinel_primary_killed_is_replaced_and_acknowledged_commits_stand", primary_killed),
        ("sentinel_that_names_a_replica_is_not_believed", replica_named),
        ("attest_behind_sentinels_refuses_a_replica_that_evicts", replica_evicts),
    ]
}

pub(crate) fn config(sentinels: &RedisSentinels) -> RedisConfig {
    config_of(Topology::Sentinel { sentinels: sentinels.urls(), primary: sentinels.primary_url() })
}

/// Commits count once the replica has synced them.
pub(crate) fn waiting(config: &RedisConfig) -> RedisConfig {
    let replicas = Replicas { count: 1, timeout: Duration::from_secs(5), synced: true };
    let mut waiting = config.clone();
    waiting.replicas = Some(replicas);
    waiting
}

fn primary_killed() -> Result<()> {
    let mut set = RedisSentinels::start("killed")?;
    let runtime = runtime();
    let plain = config(&set);
    let (waiting, plain) = runtime.block_on(async {
        let waiting = RedisStore::open(waiting(&plain)).await?;
        waiting.attest().await?;
        anyhow::Ok((waiting, RedisStore::open(plain).await?))
    })?;
    let mut chain = Chain::of("t");
    runtime.block_on(chain.steps(&waiting, 10))?;
    runtime.block_on(chain.check(&plain))?;
    let replica = set.servers.get(1).context("no replica")?.port();
    set.servers.first_mut().context("no primary")?.kill()?;
    runtime.block_on(chain.steps(&plain, 10))?;
    ensure!(chain.refused + chain.unknown > 0, "nobody noticed: {chain:?}");
    // The old one comes back with what it had, and follows.
    set.bring_back_as_replica(replica)?;
    runtime.block_on(chain.steps(&waiting, 5))?;
    runtime.block_on(chain.check(&plain))
}

/// Between a promotion and the news of it, sentinels name a server that is a replica by now.
fn replica_named() -> Result<()> {
    let set = RedisSentinels::start("named")?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(&set)))?;
    let mut chain = Chain::of("t");
    runtime.block_on(chain.steps(&store, 2))?;
    let [first, second] = &set.servers[..] else { bail!("two servers were asked for") };
    let follow = |replica: &RedisNode, primary: &RedisNode| {
        primary.run(&["REPLICAOF", "NO", "ONE"])?;
        replica.run(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()])?;
        replica.wait_until_linked()
    };
    // Behind the sentinels' backs: for about 20 s they go on naming the first.
    follow(first, second)?;
    let refused = runtime.block_on(store.commit(&[], chain.root(3))).map_err(|error| error.disposition());
    ensure!(refused == Err(Disposition::Retry), "the replica took it: {refused:?}");
    let read = runtime.block_on(store.read(&["t/root"])).map_err(|error| error.disposition());
    ensure!(read == Err(Disposition::Retry), "the replica was asked: {read:?}");
    follow(second, first)?;
    runtime.block_on(chain.steps(&store, 4))?;
    runtime.block_on(chain.check(&store))
}

fn replica_evicts() -> Result<()> {
    let set = RedisSentinels::start("evicts")?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(&set)))?;
    runtime.block_on(store.attest())?;
    let replica = set.servers.get(1).context("no replica")?;
    replica.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let refused = runtime.block_on(store.attest()).err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(
        refused.contains("maxmemory-policy") && refused.contains(&replica.port().to_string()),
        "{refused:?}"
    );
    Ok(())
}
