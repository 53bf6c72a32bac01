//! What runs out and what is garbage: gone from the store, and nothing else.

use velostream_core::{BatchId, ConditionalStore, Epoch};
use velostream_ledger::{Claimant, StateStore};

use crate::state::rig::{
    BUCKET_MS, Must, Rig, batch, checkpoint, claim, claimant, committed, key, root_key, task,
};
use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn ids_expire_by_whole_buckets_and_their_chunks_are_deleted(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    for (n, ms) in [(1, 500), (2, 999), (3, 1000)] {
        rig.set_time(ms);
        committed(&ledger, &by, n, n * 10..n * 10 + 4).await?;
    }
    let early = ledger.cleanup_old_records(&by, BUCKET_MS - 1).await.must("cleanup")?;
    ensure!(early.records == 0, "{} ids expired before the end of their bucket", early.records);
    let cleanup = ledger.cleanup_old_records(&by, BUCKET_MS).await.must("cleanup")?;
    ensure!(cleanup.records == 8, "{} ids expired of 8", cleanup.records);
    let left = rig.objects(&by.task).await?;
    ensure!(left.len() == 1, "of three chunks one is young, but these are left: {left:?}");
    let (next, by) = rig.owner().await?;
    for (n, wanted) in [(10, false), (20, false), (30, true)] {
        let found = next.is_record_processed(&by, &key(n)).await.must("status")?;
        ensure!(found == wanted, "id {n} counts: {found}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn ids_of_a_younger_bucket_stay(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    for n in 1..=4 {
        rig.set_time(i64::try_from(n).unwrap_or_default() * BUCKET_MS);
        committed(&ledger, &by, n, n * 10..n * 10 + 6).await?;
    }
    for n in 1..=3 {
        let forgotten = ledger.forget_oldest_records(&by).await.must("forget")?;
        ensure!(forgotten.cleanup.records == 6, "{forgotten:?} is not the oldest bucket");
        ensure!(ledger.is_record_processed(&by, &key((n + 1) * 10)).await.must("status")?, "lost too much");
    }
    let (next, by) = rig.owner().await?;
    let found = next.is_record_processed(&by, &key(45)).await.must("status")?;
    ensure!(found, "the youngest bucket went along with the oldest");
    Ok(Checked::Held)
}

pub(crate) async fn a_sweep_takes_the_garbage_of_its_own_task_alone(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let other = rig.ledger();
    let other_by = claim(&other, &task("axb")?).await?;
    other.begin_batch_processing(&other_by, batch(1, 0..6)).await.must("begin")?;
    other.abort_batch_processing(&other_by, BatchId(1)).await.must("abort")?;
    committed(&other, &other_by, 1, 10..16).await?;
    let ledger = rig.ledger();
    let by = claim(&ledger, &task("a_b")?).await?;
    committed(&ledger, &by, 1, 0..6).await?;
    ledger.begin_batch_processing(&by, batch(2, 6..12)).await.must("begin")?;
    ledger.abort_batch_processing(&by, BatchId(2)).await.must("abort")?;
    let before = rig.objects(&other_by.task).await?;
    let swept = ledger.sweep(&by).await.must("sweep")?;
    ensure!((swept.deleted, swept.left) == (2, 0), "two chunks are garbage, swept was {swept:?}");
    let after = rig.objects(&other_by.task).await?;
    ensure!(before == after, "a sweep of a_b changed axb: {before:?} became {after:?}");
    let next = rig.ledger();
    let by = claim(&next, &by.task).await?;
    ensure!(next.is_record_processed(&by, &key(5)).await.must("status")?, "a sweep took what counts");
    Ok(Checked::Held)
}

pub(crate) async fn a_sweep_goes_through_every_page(f: &Fixture) -> Verdict {
    const CHUNKS: usize = 230;
    let each = f.store().guarantees().max_puts.saturating_sub(1).clamp(1, 100);
    let rig = Rig::new(f);
    let ledger = rig.ledger_of(1);
    let by = claim(&ledger, &task("orders.lane-0")?).await?;
    let mut left = CHUNKS;
    while left > 0 {
        let ids = u64::try_from(left.min(each)).unwrap_or_default();
        ledger.begin_batch_processing(&by, batch(1, 0..ids)).await.must("begin")?;
        ledger.abort_batch_processing(&by, BatchId(1)).await.must("abort")?;
        left = left.saturating_sub(each);
    }
    let swept = ledger.sweep(&by).await.must("sweep")?;
    let left = rig.objects(&by.task).await?.len();
    ensure!(left == 0, "{CHUNKS} chunks are garbage, {} were swept and {left} are left", swept.deleted);
    Ok(Checked::Held)
}

pub(crate) async fn a_checkpoint_that_fell_out_of_the_ring_is_deleted(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    for n in 1..=5 {
        ledger.save_checkpoint(&by, checkpoint(n)).await.must("save")?;
    }
    let kept = rig.objects(&by.task).await?;
    ensure!(kept.len() == 3, "the ring has three places, kept are {kept:?}");
    let loaded = rig.ledger().load_latest_checkpoint(&by.task).await.must("load")?;
    let loaded = loaded.map(|loaded| loaded.checkpoint);
    ensure!(loaded == Some(checkpoint(5)), "the newest checkpoint reads as {loaded:?}");
    Ok(Checked::Held)
}

/// What `state reset` does: everything of the task is deleted, and it is claimed again.
pub(crate) async fn a_task_that_was_reset_can_be_claimed_again(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    committed(&ledger, &by, 1, 0..6).await?;
    let mut all = rig.objects(&by.task).await?;
    all.push(root_key(&by.task));
    rig.store.delete(&all.iter().map(String::as_str).collect::<Vec<_>>()).await.must("delete")?;
    let again = rig.ledger();
    let knows = Claimant { at_least: Epoch(1), ..claimant() };
    let claimed = again.claim(&by.task, &knows).await.must("claim")?;
    ensure!(claimed.state.committed == BatchId(0), "a task that was reset shows {:?}", claimed.state);
    committed(&again, &claimed.ownership, 1, 0..6).await?;
    let (next, by) = rig.owner().await?;
    ensure!(next.is_record_processed(&by, &key(5)).await.must("status")?, "the new ids are lost");
    Ok(Checked::Held)
}
