//! Batches and checkpoints: whole or absent, for the owner and for the next.

use velostream_core::BatchId;
use velostream_ledger::{Commit, RecordStatus, StateStore};

use crate::state::rig::{IDS_PER_CHUNK, Must, Rig, batch, checkpoint, claim, committed, key, keys, task};
use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn ids_are_pending_until_their_batch_is_committed(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    ledger.begin_batch_processing(&by, batch(1, 0..3)).await.must("begin")?;
    let status = ledger.record_status(&by, &[key(0), key(9)]).await.must("status")?;
    ensure!(
        status == [RecordStatus::Pending(BatchId(1)), RecordStatus::New],
        "an id of an open batch and another are {status:?}"
    );
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.must("commit")?;
    for _ in 0..2 {
        let (next, by) = rig.owner().await?;
        let status = next.record_status(&by, &[key(0), key(9)]).await.must("status")?;
        ensure!(
            status == [RecordStatus::Processed, RecordStatus::New],
            "an id of a committed batch and another are {status:?}"
        );
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_new_owner_reads_what_its_predecessor_wrote(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (first, by) = rig.owner().await?;
    committed(&first, &by, 1, 0..6).await?;
    first.begin_batch_processing(&by, batch(2, 6..12)).await.must("begin")?;
    let (second, by) = rig.owner().await?;
    let status = second.record_status(&by, &keys(0..13)).await.must("status")?;
    let wanted: Vec<RecordStatus> = (0..13)
        .map(|n| match n {
            0..6 => RecordStatus::Processed,
            6..12 => RecordStatus::Pending(BatchId(2)),
            _ => RecordStatus::New,
        })
        .collect();
    ensure!(status == wanted, "a new owner sees {status:?}");
    second.commit_batch_processing(&by, Commit::of(BatchId(2))).await.must("commit")?;
    let state = rig.ledger().observe(&by.task).await.must("observe")?;
    let seen = state.map(|state| (state.committed, state.positions, state.open_batches.len()));
    ensure!(
        seen == Some((BatchId(2), batch(2, 0..0).next_positions, 0)),
        "after the predecessor's batch was confirmed the task shows {seen:?}"
    );
    Ok(Checked::Held)
}

pub(crate) async fn a_batch_of_many_chunks_is_whole_or_absent(f: &Fixture) -> Verdict {
    let chunks = f.store().guarantees().max_puts.saturating_sub(1).min(24);
    if chunks < 9 {
        return Ok(Checked::NotRun("the store claims fewer than ten puts"));
    }
    let ids = u64::try_from(chunks * IDS_PER_CHUNK).unwrap_or_default();
    let rig = Rig::new(f);
    let (first, by) = rig.owner().await?;
    committed(&first, &by, 1, 0..ids).await?;
    let (second, by) = rig.owner().await?;
    let status = second.record_status(&by, &keys(0..ids)).await.must("status")?;
    let processed = status.iter().filter(|status| **status == RecordStatus::Processed).count();
    ensure!(processed == status.len(), "{processed} of {ids} ids are processed");
    Ok(Checked::Held)
}

/// 8,192 ids of 16 bytes: the default size of a chunk.
pub(crate) async fn a_full_chunk_of_ids_comes_back(f: &Fixture) -> Verdict {
    const IDS: u64 = 8192;
    if f.store().guarantees().max_value_bytes < 132 * 1024 {
        return Ok(Checked::NotRun("the store claims less than the default size of a chunk"));
    }
    let (rig, task) = (Rig::new(f), task("orders.lane-0")?);
    let ledger = rig.ledger_of(8192);
    let by = claim(&ledger, &task).await?;
    committed(&ledger, &by, 1, 0..IDS).await?;
    let objects = rig.objects(&task).await?;
    ensure!(objects.len() == 1, "{IDS} ids are in {objects:?}");
    let (next, by) = rig.owner().await?;
    for n in [0, 1, IDS / 2, IDS - 1] {
        ensure!(next.is_record_processed(&by, &key(n)).await.must("status")?, "id {n} is lost");
    }
    ensure!(!next.is_record_processed(&by, &key(IDS)).await.must("status")?, "id {IDS} was invented");
    Ok(Checked::Held)
}

pub(crate) async fn an_aborted_batch_leaves_no_ids(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (first, by) = rig.owner().await?;
    first.begin_batch_processing(&by, batch(1, 0..5)).await.must("begin")?;
    first.abort_batch_processing(&by, BatchId(1)).await.must("abort")?;
    let (second, by) = rig.owner().await?;
    let status = second.record_status(&by, &keys(0..5)).await.must("status")?;
    ensure!(status == [RecordStatus::New; 5], "ids of an aborted batch are {status:?}");
    committed(&second, &by, 1, 0..5).await?;
    let (third, by) = rig.owner().await?;
    ensure!(third.is_record_processed(&by, &key(4)).await.must("status")?, "the second try is lost");
    Ok(Checked::Held)
}

pub(crate) async fn the_next_batch_begins_with_the_commit_of_the_last(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    ledger.begin_batch_processing(&by, batch(1, 0..5)).await.must("begin")?;
    for n in 1..10 {
        let commit = Commit::of(BatchId(n)).and_begin(batch(n + 1, n * 5..n * 5 + 5));
        ledger.commit_batch_processing(&by, commit).await.must("commit")?;
        let state = rig.ledger().observe(&by.task).await.must("observe")?;
        let seen = state.map(|s| (s.committed, s.open_batches.iter().map(|open| open.batch.0).collect()));
        ensure!(seen == Some((BatchId(n), vec![n + 1])), "after the commit of {n} the task shows {seen:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_checkpoint_travels_with_its_commit(f: &Fixture) -> Verdict {
    if f.store().guarantees().max_puts < 2 {
        return Ok(Checked::NotRun("the store claims fewer than two puts"));
    }
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    ledger.begin_batch_processing(&by, batch(1, 0..3)).await.must("begin")?;
    let commit = Commit::of(BatchId(1)).and_save(checkpoint(1));
    ledger.commit_batch_processing(&by, commit).await.must("commit")?;
    let loaded = rig.ledger().load_latest_checkpoint(&by.task).await.must("load")?;
    let loaded = loaded.map(|loaded| loaded.checkpoint);
    ensure!(loaded == Some(checkpoint(1)), "the checkpoint reads as {loaded:?}");
    Ok(Checked::Held)
}

pub(crate) async fn tasks_do_not_touch_each_other(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let mut owners = Vec::new();
    for name in ["a", "a.b", "a-b", "a_b", "ab"] {
        let ledger = rig.ledger();
        let by = claim(&ledger, &task(name)?).await?;
        ensure!(by.epoch.0 == 1, "the first claim of {name} has epoch {}", by.epoch);
        committed(&ledger, &by, 1, 0..6).await?;
        owners.push((ledger, by));
    }
    let Some(((ledger, by), rest)) = owners.split_first() else { return Ok(Checked::Held) };
    ledger.forget_records(by).await.must("forget")?;
    ledger.sweep(by).await.must("sweep")?;
    for (ledger, by) in rest {
        let next = rig.ledger();
        ledger.renew(by).await.must("renew")?;
        let by = claim(&next, &by.task).await?;
        let found = next.is_record_processed(&by, &key(5)).await.must("status")?;
        ensure!(found, "forgetting the ids of task a took those of {}", by.task);
    }
    Ok(Checked::Held)
}
