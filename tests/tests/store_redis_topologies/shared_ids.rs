//! Shared ids while slots move, primaries are replaced and replicas are waited for.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use velostream_core::{Disposition, InTurn, Member, Settlement, SharedIds};
use velostream_store_redis::{RedisConfig, RedisStore, Replicas, Topology};
use velostream_testkit::services::{RedisCluster, RedisNode, RedisSentinels};

use crate::slot_move::SlotMove;
use crate::takings::{TAG, Takings};
use crate::{Test, config_of, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("shared_ids_of_a_slot_half_moved_are_refused_and_none_is_lost", half_moved),
        ("shared_ids_of_a_slot_moved_by_hand_while_ids_are_taken_are_all_there", moved_by_hand),
        ("shared_ids_of_a_cluster_whose_primary_is_killed_are_all_there", cluster_killed),
        ("shared_ids_behind_sentinels_whose_primary_is_killed_are_all_there", sentinel_killed),
        ("shared_ids_that_wait_for_a_dead_replica_are_reconciled_and_stand", dead_replica),
        ("shared_ids_of_a_full_valkey_are_refused_whole", full),
    ]
}

fn waiting(config: &RedisConfig, timeout_ms: u64) -> RedisConfig {
    let timeout = Duration::from_millis(timeout_ms);
    let mut waiting = config.clone();
    waiting.replicas = Some(Replicas { count: 1, timeout, synced: true });
    waiting
}

fn config(cluster: &RedisCluster) -> RedisConfig {
    config_of(Topology::Cluster { urls: cluster.urls() })
}

async fn steps(takings: &mut Takings, store: &RedisStore, count: u32) -> Result<()> {
    for _ in 0..count {
        takings.step(store).await?;
    }
    takings.check(store).await
}

fn half_moved() -> Result<()> {
    let cluster = RedisCluster::start("ids-half", 3, false)?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(&cluster)))?;
    let mut takings = runtime.block_on(Takings::begin(&store))?;
    runtime.block_on(steps(&mut takings, &store, 3))?;
    let moving = SlotMove::of(&cluster, TAG)?;
    let keys = moving.left(100)?;
    ensure!(keys.iter().all(|key| key.contains(TAG)) && keys.len() == 5, "{keys:?}");
    moving.begin()?;
    let ((turn, ids), member) = (takings.next(), Member::new("set", "a")?);
    for _ in 0..2 {
        let refused = runtime.block_on(store.take(&member, turn, &ids, 0));
        let refused = refused.map_err(|error| error.disposition());
        ensure!(refused == Err(Disposition::Retry), "{refused:?}");
        moving.migrate(&moving.left(1)?)?;
    }
    moving.migrate(&moving.left(100)?)?;
    moving.end()?;
    // The store still asks the old server first, which answers MOVED.
    runtime.block_on(steps(&mut takings, &store, 3))
}

fn moved_by_hand() -> Result<()> {
    let cluster = RedisCluster::start("ids-hand", 3, false)?;
    let store = runtime().block_on(RedisStore::open(config(&cluster)))?;
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let takings = std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            runtime().block_on(async {
                let mut takings = Takings::begin(&store).await?;
                while !stop.load(Ordering::SeqCst) {
                    takings.step(&store).await?;
                    done.store(takings.steps(), Ordering::SeqCst);
                }
                steps(&mut takings, &store, 4).await?;
                anyhow::Ok(takings)
            })
        });
        let moved = moves(&cluster, &done);
        stop.store(true, Ordering::SeqCst);
        let taken = taker.join().map_err(|_| anyhow::anyhow!("the taker panicked"))?;
        // Where the taker gave up, the mover has waited in vain.
        let taken = taken?;
        moved.map(|()| taken)
    })?;
    // Where the move met no call, the test would have shown nothing.
    ensure!(takings.refused > 0, "{takings:?}");
    Ok(())
}

fn moves(cluster: &RedisCluster, done: &AtomicU32) -> Result<()> {
    let mut moving = SlotMove::of(cluster, TAG)?;
    for _ in 0..4 {
        let wanted = done.load(Ordering::SeqCst) + 10;
        let mut waited = 0;
        while done.load(Ordering::SeqCst) < wanted {
            waited += 1;
            ensure!(waited < 12_000, "nothing is taken");
            std::thread::sleep(Duration::from_millis(5));
        }
        moving.there(1)?;
    }
    Ok(())
}

fn cluster_killed() -> Result<()> {
    let mut cluster = RedisCluster::start("ids-killed", 3, true)?;
    let runtime = runtime();
    let plain = config(&cluster);
    let from = SlotMove::of(&cluster, TAG)?.from;
    let waits = runtime.block_on(RedisStore::open(waiting(&plain, 5000)))?;
    let plain = runtime.block_on(RedisStore::open(plain))?;
    let mut takings = runtime.block_on(Takings::begin(&waits))?;
    runtime.block_on(steps(&mut takings, &waits, 10))?;
    cluster.nodes.get_mut(from).context("no primary")?.kill()?;
    runtime.block_on(steps(&mut takings, &plain, 10))?;
    ensure!(takings.refused + takings.unknown > 0, "nobody noticed: {takings:?}");
    Ok(())
}

fn sentinel_killed() -> Result<()> {
    let mut set = RedisSentinels::start("ids-killed")?;
    let runtime = runtime();
    let plain = crate::sentinel::config(&set);
    let waits = runtime.block_on(RedisStore::open(waiting(&plain, 5000)))?;
    let plain = runtime.block_on(RedisStore::open(plain))?;
    let mut takings = runtime.block_on(Takings::begin(&waits))?;
    runtime.block_on(steps(&mut takings, &waits, 10))?;
    set.servers.first_mut().context("no primary")?.kill()?;
    runtime.block_on(steps(&mut takings, &plain, 10))?;
    ensure!(takings.refused + takings.unknown > 0, "nobody noticed: {takings:?}");
    Ok(())
}

fn dead_replica() -> Result<()> {
    let primary = RedisNode::valkey("ids-waits", &[])?;
    let mut replica = RedisNode::replica_of(&primary, "ids-waited-for")?;
    let runtime = runtime();
    let config = config_of(Topology::Single { url: primary.url() });
    let store = runtime.block_on(RedisStore::open(waiting(&config, 300)))?;
    let mut takings = runtime.block_on(Takings::begin(&store))?;
    runtime.block_on(steps(&mut takings, &store, 3))?;
    let ((turn, ids), member) = (takings.next(), Member::new("set", "a")?);
    let other = Member::new("set", "b")?;
    replica.kill()?;
    // What stands is no less unacknowledged when it is repeated.
    for _ in 0..2 {
        let calls = runtime.block_on(async {
            [
                store.take(&member, turn, &ids, i64::MIN).await.err(),
                store.promise(&member, turn, "kept".into()).await.err(),
                store.leave(&other).await.err(),
            ]
        });
        for error in calls {
            let error = error.context("no error")?;
            let why = error.to_string();
            ensure!(error.disposition() == Disposition::Reconcile && why.contains("0 replicas"), "{why}");
        }
        let state = runtime.block_on(store.member(&member))?.context("it is gone")?;
        ensure!(state.held == 5 && state.promised == Some("kept".into()), "{state:?}");
    }
    // Nothing was written: there is nothing to wait for.
    let stale = runtime.block_on(store.promise(&member, turn.next(), "late".into()))?;
    ensure!(stale == InTurn::Stale(Some(turn)), "{stale:?}");
    replica.restart()?;
    replica.wait_until_linked()?;
    runtime.block_on(steps(&mut takings, &store, 3))
}

fn full() -> Result<()> {
    let server = RedisNode::valkey("ids-full", &[])?;
    let runtime = runtime();
    let config = config_of(Topology::Single { url: server.url() });
    let store = runtime.block_on(RedisStore::open(config))?;
    let mut takings = runtime.block_on(Takings::begin(&store))?;
    runtime.block_on(steps(&mut takings, &store, 3))?;
    let ((turn, ids), member) = (takings.next(), Member::new("set", "a")?);
    let before = runtime.block_on(store.member(&member))?;
    server.run(&["CONFIG", "SET", "maxmemory", "1"])?;
    let error = runtime.block_on(store.take(&member, turn, &ids, i64::MIN)).err().context("it was taken")?;
    ensure!(error.disposition() == Disposition::Retry && error.to_string().contains("OOM"), "{error}");
    ensure!(runtime.block_on(store.member(&member))? == before, "half of it was taken");
    let released = runtime.block_on(store.settle(&member, turn, Settlement::Released))?;
    ensure!(released == InTurn::Done(turn.next()), "{released:?}");
    server.run(&["CONFIG", "SET", "maxmemory", "0"])?;
    let held = runtime.block_on(store.expire("set", i64::MIN))?;
    ensure!((held.left, held.oldest_ms) == (20, Some(0)), "{held:?}");
    Ok(())
}
