//! Commits that wait for a replica.

use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_core::{ConditionalStore, Disposition};
use velostream_store_redis::{RedisConfig, RedisStore, Replicas, Topology};
use velostream_testkit::services::RedisNode;

use crate::chain::Chain;
use crate::{Test, config_of, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("commit_that_waits_for_a_dead_replica_is_reconciled_and_stands", dead_replica),
        ("commit_by_a_user_who_may_not_wait_is_rejected", may_not_wait),
    ]
}

fn waiting(config: &RedisConfig, synced: bool) -> RedisConfig {
    let replicas = Replicas { count: 1, timeout: Duration::from_millis(500), synced };
    let mut waiting = config.clone();
    waiting.replicas = Some(replicas);
    waiting
}

fn dead_replica() -> Result<()> {
    let primary = RedisNode::valkey("waits", &[])?;
    let mut replica = RedisNode::replica_of(&primary, "waited-for")?;
    let runtime = runtime();
    for synced in [false, true] {
        let config = config_of(Topology::Single { url: primary.url() });
        let store = runtime.block_on(RedisStore::open(waiting(&config, synced)))?;
        runtime.block_on(store.attest())?;
        let mut chain = Chain::of("t");
        runtime.block_on(chain.steps(&store, 3))?;
        replica.kill()?;
        let next = chain.root(4);
        let outcome = runtime.block_on(store.commit(&[], next.clone()));
        let outcome = outcome.map_err(|error| (error.disposition(), error.to_string()));
        ensure!(
            matches!(&outcome, Err((Disposition::Reconcile, why)) if why.contains("0 replicas acknowledged")),
            "{outcome:?}"
        );
        let held = runtime.block_on(store.read(&[&next.key]))?.pop().flatten();
        ensure!(held.is_some_and(|held| held.value == next.value), "it does not stand");
        // Repeated, it is judged by the replicas again: here it is known to stand, and still does not count.
        let outcome = runtime.block_on(store.commit(&[], next.clone())).map_err(|error| error.disposition());
        ensure!(outcome == Err(Disposition::Reconcile), "{outcome:?}");
        let weak = runtime.block_on(store.attest()).err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(weak.contains("connected_slaves"), "{weak:?}");
        replica.restart()?;
        replica.wait_until_linked()?;
        let mut applied = false;
        // Linked is not yet caught up.
        for _ in 0..20 {
            applied |= runtime.block_on(store.commit(&[], next.clone())).is_ok();
        }
        ensure!(applied, "the replica is back, and the commit still does not count");
    }
    Ok(())
}

/// Redis 7.0 does not know WAITAOF, and its user has no right to it.
fn may_not_wait() -> Result<()> {
    let server = RedisNode::redis("no-waitaof", &[])?;
    let config = waiting(&config_of(Topology::Single { url: server.url() }), true);
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config))?;
    let outcome = runtime.block_on(store.commit(&[], Chain::of("t").root(1)));
    let outcome = outcome.map_err(|error| (error.disposition(), error.to_string()));
    // The write stands, and its loss is nothing that another attempt could change.
    ensure!(matches!(outcome, Err((Disposition::Reconcile | Disposition::Reject, _))), "{outcome:?}");
    Ok(())
}
