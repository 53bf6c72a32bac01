//! A cluster whose slots move while commits run, and that replaces a primary.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_core::{ConditionalStore, Disposition, Outcome};
use velostream_store_redis::{RedisConfig, RedisStore, Replicas, Topology};
use velostream_testkit::services::RedisCluster;

use crate::chain::Chain;
use crate::slot_move::SlotMove;
use crate::{Test, config_of, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("cluster_server_configured_as_a_single_one_is_refused", one_of_a_cluster),
        ("cluster_slot_half_moved_refuses_and_loses_nothing", half_moved),
        ("cluster_slot_moved_by_hand_while_commits_run_loses_nothing", moved_by_hand),
        ("cluster_slot_moved_by_the_servers_while_commits_run_loses_nothing", moved_by_servers),
        ("cluster_primary_killed_is_replaced_and_acknowledged_commits_stand", primary_killed),
    ]
}

const TASK: &str = "t";

fn config(cluster: &RedisCluster) -> RedisConfig {
    config_of(Topology::Cluster { urls: cluster.urls() })
}

fn one_of_a_cluster() -> Result<()> {
    let cluster = RedisCluster::start("one", 3, false)?;
    runtime().block_on(async {
        RedisStore::open(config(&cluster)).await?.attest().await?;
        let url = cluster.urls().into_iter().next().unwrap_or_default();
        let alone = RedisStore::open(config_of(Topology::Single { url })).await?;
        let refused = alone.attest().await.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(refused.contains("server mode"), "{refused:?}");
        Ok(())
    })
}

fn half_moved() -> Result<()> {
    let cluster = RedisCluster::start("half", 3, false)?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(&cluster)))?;
    let mut chain = Chain::of(TASK);
    runtime.block_on(chain.steps(&store, 4))?;
    let moving = SlotMove::of(&cluster, TASK)?;
    moving.begin()?;
    // The index alone is on the new server: no server has all keys of a commit.
    let keys = moving.left(100)?;
    let index: Vec<String> = keys.iter().filter(|key| key.ends_with("!keys")).cloned().collect();
    ensure!(index.len() == 1 && keys.len() == 4, "{keys:?}");
    moving.migrate(&index)?;
    let refused = runtime.block_on(store.commit(&[], chain.root(5))).map_err(|error| error.disposition());
    ensure!(refused == Err(Disposition::Retry), "{refused:?}");
    // All are: the old server sends each call there by ASK, and the new one takes no new key before the end.
    moving.migrate(&moving.left(100)?)?;
    runtime.block_on(chain.steps(&store, 1))?;
    runtime.block_on(chain.check(&store))?;
    let put = velostream_core::Put { key: format!("{TASK}/new"), value: "new".into() };
    let refused = runtime.block_on(store.commit(&[put], chain.root(6))).map_err(|error| error.disposition());
    ensure!(refused == Err(Disposition::Retry), "{refused:?}");
    moving.end()?;
    // The store still asks the old server first, which answers MOVED.
    runtime.block_on(chain.steps(&store, 2))?;
    runtime.block_on(chain.check(&store))
}

/// Commits on one thread while `moves` runs on another, until it is done and has been outlived by a few commits.
fn committed_while(store: &RedisStore, moves: impl FnOnce(&AtomicU32) -> Result<()>) -> Result<Chain> {
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let chain = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            runtime().block_on(async {
                let mut chain = Chain::of(TASK);
                while !stop.load(Ordering::SeqCst) {
                    chain.step(store).await?;
                    done.store(chain.committed(), Ordering::SeqCst);
                }
                chain.steps(store, 4).await?;
                chain.check(store).await?;
                anyhow::Ok(chain)
            })
        });
        let moved = moves(&done);
        stop.store(true, Ordering::SeqCst);
        let written = writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?;
        moved.and(written)
    })?;
    Ok(chain)
}

/// Waits for this many more commits.
fn after(done: &AtomicU32, more: u32) {
    let wanted = done.load(Ordering::SeqCst) + more;
    while done.load(Ordering::SeqCst) < wanted {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn moved_by_hand() -> Result<()> {
    let cluster = RedisCluster::start("hand", 3, false)?;
    let store = runtime().block_on(RedisStore::open(config(&cluster)))?;
    let chain = committed_while(&store, |done| {
        let mut moving = SlotMove::of(&cluster, TASK)?;
        for _ in 0..4 {
            after(done, 10);
            moving.there(7)?;
        }
        Ok(())
    })?;
    // Where the move met no commit, the test would have shown nothing.
    ensure!(chain.refused > 0, "{chain:?}");
    Ok(())
}

fn moved_by_servers() -> Result<()> {
    let cluster = RedisCluster::start("servers", 3, false)?;
    let store = runtime().block_on(RedisStore::open(config(&cluster)))?;
    committed_while(&store, |done| {
        let mut moving = SlotMove::of(&cluster, TASK)?;
        for _ in 0..3 {
            after(done, 20);
            let to = cluster.id(moving.to)?;
            moving.node(moving.from)?.run(&[
                "CLUSTER",
                "MIGRATESLOTS",
                "SLOTSRANGE",
                &moving.slot,
                &moving.slot,
                "NODE",
                &to,
            ])?;
            let mut waited = 0;
            while !serves(&moving)? {
                waited += 1;
                ensure!(waited < 3000, "the servers did not move the slot");
                std::thread::sleep(Duration::from_millis(10));
            }
            moving.turn();
        }
        after(done, 20);
        Ok(())
    })?;
    Ok(())
}

/// True once the new server takes the slot for its own.
fn serves(moving: &SlotMove<'_>) -> Result<bool> {
    let nodes = moving.node(moving.to)?.text(&["CLUSTER", "NODES"])?;
    let slot: u16 = moving.slot.parse()?;
    let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
    Ok(own.split(' ').skip(8).any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<u16>().is_ok_and(|first| first <= slot)
            && last.parse::<u16>().is_ok_and(|last| slot <= last)
    }))
}

fn primary_killed() -> Result<()> {
    let mut cluster = RedisCluster::start("killed", 3, true)?;
    let runtime = runtime();
    let plain = config(&cluster);
    let replicas = Replicas { count: 1, timeout: Duration::from_secs(5), synced: true };
    let mut waiting = plain.clone();
    waiting.replicas = Some(replicas);
    let from = SlotMove::of(&cluster, TASK)?.from;
    let (plain, waiting) = runtime.block_on(async {
        let waiting = RedisStore::open(waiting).await?;
        waiting.attest().await?;
        anyhow::Ok((RedisStore::open(plain).await?, waiting))
    })?;
    let mut chain = Chain::of(TASK);
    runtime.block_on(chain.steps(&waiting, 10))?;
    runtime.block_on(chain.check(&plain))?;
    if let Some(primary) = cluster.nodes.get_mut(from) {
        primary.kill()?;
    }
    runtime.block_on(chain.steps(&plain, 10))?;
    runtime.block_on(chain.check(&plain))?;
    // The new primary has no replica left: what it alone has is not acknowledged.
    let mut lonely = config(&cluster);
    lonely.replicas = Some(Replicas { timeout: Duration::from_millis(100), ..replicas });
    let lonely = runtime.block_on(RedisStore::open(lonely))?;
    let outcome: Result<Outcome, _> = runtime.block_on(lonely.commit(&[], Chain::of(TASK).root(1)));
    let outcome = outcome.map_err(|error| error.disposition());
    ensure!(outcome == Err(Disposition::Reconcile), "{outcome:?}");
    Ok(())
}
