//! Sentinels promote a replica that lags: the ledger above the store goes back to an earlier owner and epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use velostream_core::{BatchId, Claim, Disposition, Epoch, InstanceName, Nonce, SourcePosition, SplitId};
use velostream_ledger::{
    Batch, Claimant, Claimed, Commit, Ledger, LedgerConfig, Ownership, StateStore, TaskId, TaskState,
};
use velostream_protocol::job::{Known, Pending, settle};
use velostream_record_id::TrackerKey;
use velostream_store_redis::{RedisConfig, RedisStore};
use velostream_testkit::RealClock;
use velostream_testkit::services::RedisSentinels;

use crate::sentinel::{config, waiting};
use crate::{Test, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![("sentinel_promotes_a_lagging_replica_and_nothing_is_delivered_twice", lagging)]
}

/// What carries progress itself: it refuses records that do not follow what it has.
#[derive(Debug, Default)]
struct Sink(Vec<u64>);

impl Sink {
    /// Takes the records from `from` up to `to` in one unit.
    fn deliver(&mut self, from: u64, to: u64) -> Result<()> {
        ensure!(self.position() == from, "the sink is at {}, not at {from}", self.position());
        self.0.extend(from..to);
        Ok(())
    }

    fn position(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

fn at(line: u64) -> SourcePosition {
    SourcePosition::File { path: "in".into(), offset: line * 10, line }
}

fn split() -> SplitId {
    SplitId::new("in")
}

fn ids(from: u64, to: u64) -> Vec<TrackerKey> {
    (from..to).map(|record| TrackerKey(u128::from(record).to_be_bytes())).collect()
}

/// A batch of the records from `from` up to `to`.
fn batch(number: u64, from: u64, to: u64) -> Batch {
    let next_positions = [(split(), at(to))].into();
    Batch { batch: BatchId(number), next_positions, record_ids: ids(from, to).into() }
}

fn claimant(name: &str, nonce: u64, at_least: Epoch) -> Claimant {
    Claimant { owner: InstanceName::new(name), nonce: Nonce(nonce), at_least }
}

/// A worker: a ledger of its own over connections of its own.
struct Worker(Ledger<RedisStore>);

impl Worker {
    async fn new(config: &RedisConfig) -> Result<Self> {
        let store = Arc::new(RedisStore::open(config.clone()).await?);
        Ok(Self(Ledger::new(store, Arc::new(RealClock::start()), LedgerConfig::default())))
    }

    /// One batch: begun in the store, delivered, and committed in the store where `confirmed`.
    async fn process(
        &self,
        sink: &mut Sink,
        own: &Ownership,
        number: u64,
        to: u64,
        confirmed: bool,
    ) -> Result<()> {
        let from = sink.position();
        self.0.begin_batch_processing(own, batch(number, from, to)).await?;
        sink.deliver(from, to)?;
        if confirmed {
            self.0.commit_batch_processing(own, Commit::of(BatchId(number))).await?;
        }
        Ok(())
    }

    /// Calls that fail while a primary is looked for are repeated.
    async fn claim(&self, task: &TaskId, claimant: &Claimant) -> Result<Claimed> {
        for _ in 0..3000 {
            match self.0.claim(task, claimant).await {
                Ok(claimed) => return Ok(claimed),
                Err(error) if matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no claim")
    }

    /// The disposition of a commit by an owner that the store may not know any more.
    async fn refused(&self, own: &Ownership, number: u64) -> Result<(Disposition, String)> {
        for _ in 0..3000 {
            match self.0.commit_batch_processing(own, Commit::of(BatchId(number))).await {
                Ok(()) => bail!("{own:?} has committed batch {number}"),
                Err(error) if matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(error) => {
                    let why = std::error::Error::source(&error).map(ToString::to_string);
                    return Ok((error.disposition(), format!("{error}: {why:?}")));
                }
            }
        }
        bail!("no answer")
    }
}

fn lagging() -> Result<()> {
    let mut set = RedisSentinels::start("lagging")?;
    let runtime = runtime();
    let config = config(&set);
    let task = TaskId::new("t.lane-0")?;
    let mut sink = Sink::default();
    let (old, new) = runtime.block_on(async {
        // Commits of the first owner wait for the replica.
        anyhow::Ok((Worker::new(&waiting(&config)).await?, Worker::new(&config).await?))
    })?;
    let first = runtime.block_on(old.claim(&task, &claimant("old", 1, Epoch(0))))?.ownership;
    runtime.block_on(old.process(&mut sink, &first, 1, 2, true))?;
    hold_back(&set)?;
    // From here the replica has nothing: another owner, a batch that it commits, and one that only the sink commits.
    let second = runtime.block_on(new.claim(&task, &claimant("new", 2, Epoch(0))))?.ownership;
    ensure!((first.epoch, second.epoch) == (Epoch(1), Epoch(2)), "{first:?} {second:?}");
    runtime.block_on(new.process(&mut sink, &second, 2, 4, true))?;
    runtime.block_on(new.process(&mut sink, &second, 3, 5, false))?;
    let promoted = set.servers.get(1).context("no replica")?.port();
    set.servers.first_mut().context("no primary")?.kill()?;
    set.wait_for_primary(promoted)?;

    // The owner sees that its claim is gone: the epoch that stands is lower than its own.
    let (disposition, why) = runtime.block_on(new.refused(&second, 3))?;
    ensure!(disposition == Disposition::Fenced && why.contains("epoch 1"), "{disposition:?}: {why}");
    let state = runtime.block_on(new.0.observe(&task))?.context("the task is gone")?;
    ensure!((state.epoch, state.nonce, state.committed) == (Epoch(1), Nonce(1), BatchId(1)), "{state:?}");

    // Somebody who knows nothing of the past gets the lost epoch again; the nonce tells the two owners apart.
    let third = runtime.block_on(new.claim(&task, &claimant("third", 3, Epoch(0))))?;
    ensure!(third.ownership.epoch == second.epoch, "{third:?}");
    for stale in [&first, &second] {
        let worker = if stale == &first { &old } else { &new };
        let refused = runtime.block_on(worker.0.begin_batch_processing(stale, batch(2, 2, 3)));
        let refused = refused.map_err(|error| error.disposition());
        ensure!(refused == Err(Disposition::Fenced), "{stale:?}: {refused:?}");
    }

    // The second owner comes back with what it knows, above both; what is delivered next the sink says.
    let again = runtime.block_on(new.claim(&task, &claimant("new", 4, second.epoch)))?;
    ensure!(again.ownership.epoch > second.epoch, "{again:?}");
    let lost =
        settle(&known(&again.state), &[stands(&sink)]).map_err(|unfit| anyhow::anyhow!("{unfit}"))?.lost;
    let range = lost.first().context("nothing is said to be lost")?;
    ensure!((range.from.clone(), range.to.clone()) == (Some(at(2)), at(5)), "{lost:?}");
    // Their ids are read again from the source; the sink has the records.
    runtime.block_on(async {
        new.0.begin_batch_processing(&again.ownership, batch(2, 2, 5)).await?;
        new.0.commit_batch_processing(&again.ownership, Commit::of(BatchId(2))).await?;
        new.process(&mut sink, &again.ownership, 3, 8, true).await
    })?;
    ensure!(sink.0 == (0..8).collect::<Vec<_>>(), "{sink:?}");
    for id in &ids(0, 8) {
        ensure!(runtime.block_on(new.0.is_record_processed(&again.ownership, id))?, "{id:?} is forgotten");
    }
    Ok(())
}

/// Cuts the replica off: its link is closed, and it cannot log in to open it again.
fn hold_back(set: &RedisSentinels) -> Result<()> {
    let [primary, replica] = &set.servers[..] else { bail!("two servers were asked for") };
    replica.run(&["CONFIG", "SET", "masterauth", "wrong"])?;
    primary.run(&["CLIENT", "KILL", "TYPE", "replica"])?;
    while replica.text(&["INFO", "replication"])?.contains("master_link_status:up") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Ok(())
}

fn known(state: &TaskState) -> Known {
    let open = state.open_batches.iter();
    let open = open.map(|open| Pending { batch: open.batch, next: open.next_positions.clone() }).collect();
    let positions: BTreeMap<SplitId, SourcePosition> = state.positions.clone();
    Known { positions, open }
}

fn stands(sink: &Sink) -> Claim {
    Claim { split: split(), position: at(sink.position()), batch: BatchId(3) }
}
