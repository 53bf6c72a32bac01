//! One owner at a time: epoch and nonce stand in the root, and the store refuses who has not seen them.

use std::sync::Arc;

use velostream_core::{BatchId, Code, ConditionalStore, Disposition, Epoch, RootWrite};
use velostream_ledger::{Claimant, Commit, Ownership, StateStore};

use crate::state::rig::{
    Must, Rig, batch, checkpoint, claim, claimant, committed, fenced, key, keys, root_key, task,
};
use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

pub(crate) async fn each_claim_has_a_higher_epoch_and_its_own_nonce(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (mut epochs, mut nonces) = (Vec::new(), std::collections::BTreeSet::new());
    for _ in 0..3 {
        let (_, by) = rig.owner().await?;
        epochs.push(by.epoch);
        nonces.insert(by.nonce);
    }
    ensure!(epochs == [Epoch(1), Epoch(2), Epoch(3)], "three claims have the epochs {epochs:?}");
    ensure!(nonces.len() == 3, "three claims have the nonces {nonces:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_claim_goes_above_the_epoch_that_its_claimant_knows(f: &Fixture) -> Verdict {
    let (rig, task) = (Rig::new(f), task("orders.lane-0")?);
    rig.owner().await?;
    let knows = Claimant { at_least: Epoch(40), ..claimant() };
    let claimed = rig.ledger().claim(&task, &knows).await.must("claim")?;
    ensure!(claimed.ownership.epoch == Epoch(41), "who knows 40 claimed {}", claimed.ownership.epoch);
    let (_, next) = rig.owner().await?;
    ensure!(next.epoch == Epoch(42), "the claim after 41 has {}", next.epoch);
    let stands = rig.ledger().observe(&task).await.must("observe")?.map(|state| state.epoch);
    ensure!(stands == Some(Epoch(42)), "after the claim of 42 there stands {stands:?}");
    Ok(Checked::Held)
}

/// Every call that takes an ownership and may write.
async fn every_call_is_fenced(ledger: &dyn StateStore, by: &Ownership) -> Result<(), Violation> {
    fenced("renew", ledger.renew(by).await)?;
    fenced("release", ledger.release(by).await)?;
    fenced("begin", ledger.begin_batch_processing(by, batch(2, 10..12)).await)?;
    fenced("mark", ledger.mark_records_processed(by, BatchId(1), &keys(0..5)).await)?;
    fenced("commit", ledger.commit_batch_processing(by, Commit::of(BatchId(1))).await)?;
    fenced("abort", ledger.abort_batch_processing(by, BatchId(1)).await)?;
    fenced("cleanup", ledger.cleanup_old_records(by, i64::MAX).await)?;
    fenced("forget", ledger.forget_records(by).await)?;
    fenced("sweep", ledger.sweep(by).await)?;
    fenced("save", ledger.save_checkpoint(by, checkpoint(2)).await)
}

pub(crate) async fn a_stale_owner_is_fenced_by_every_call_and_changes_nothing(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (old, by) = rig.owner().await?;
    old.begin_batch_processing(&by, batch(1, 0..5)).await.must("begin")?;
    rig.owner().await?;
    let before = rig.root(&by.task).await?;
    every_call_is_fenced(&old, &by).await?;
    ensure!(rig.root(&by.task).await? == before, "a stale owner changed the root");
    Ok(Checked::Held)
}

/// The root is lost and restored from an older copy: two owners have one epoch, and the versions of the two histories
/// must not meet.
pub(crate) async fn owners_of_one_epoch_are_told_apart_by_their_nonce(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (_, first) = rig.owner().await?;
    let copy = rig.root(&first.task).await?;
    let (zombie, old) = rig.owner().await?;
    let key = root_key(&first.task);
    rig.store.delete(&[&key]).await.must("delete")?;
    let restored = RootWrite { key, expected: None, value: copy };
    rig.store.commit(&[], restored).await.must("commit")?;
    let (_, new) = rig.owner().await?;
    ensure!(old.epoch == new.epoch, "the restored root gave epoch {}, not {}", new.epoch, old.epoch);
    let before = rig.root(&first.task).await?;
    every_call_is_fenced(&zombie, &old).await?;
    ensure!(rig.root(&first.task).await? == before, "the owner of the lost history changed the root");
    Ok(Checked::Held)
}

pub(crate) async fn of_eight_claimants_one_holds_the_task(f: &Fixture) -> Verdict {
    let (rig, task) = (Arc::new(Rig::new(f)), task("orders.lane-0")?);
    for round in 0..3 {
        let race: Vec<_> = (0..8)
            .map(|_| {
                let (rig, task) = (Arc::clone(&rig), task.clone());
                tokio::spawn(async move {
                    let ledger = rig.ledger();
                    let claimed = ledger.claim(&task, &claimant()).await;
                    (ledger, claimed)
                })
            })
            .collect();
        let mut claims = Vec::new();
        for racer in race {
            claims.push(racer.await.map_err(|_| Violation::Hangs { what: "a claimant" })?);
        }
        let (mut holders, mut epochs) = (0_u32, Vec::new());
        for (ledger, claimed) in claims {
            match claimed {
                Ok(claimed) => {
                    epochs.push(claimed.ownership.epoch);
                    holders += u32::from(ledger.renew(&claimed.ownership).await.is_ok());
                }
                Err(error) if error.disposition() == Disposition::Fenced => {}
                Err(source) => return Err(Violation::Failed { call: "claim", source }),
            }
        }
        ensure!(holders == 1, "{holders} of eight claimants hold the task in round {round}");
        let claims = epochs.len();
        epochs.sort_unstable();
        epochs.dedup();
        ensure!(epochs.len() == claims, "{claims} claims have the epochs {epochs:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_root_that_was_deleted_is_a_loss_and_not_a_new_task(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    ledger.begin_batch_processing(&by, batch(1, 0..3)).await.must("begin")?;
    rig.store.delete(&[&root_key(&by.task)]).await.must("delete")?;
    let lost = ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await;
    ensure!(
        lost.as_ref().is_err_and(|error| error.code() == Code::StateLost),
        "committing on a root that is gone gave {lost:?}"
    );
    Ok(Checked::Held)
}

pub(crate) async fn a_released_task_names_no_owner_and_keeps_its_epoch(f: &Fixture) -> Verdict {
    let (rig, task) = (Rig::new(f), task("orders.lane-0")?);
    let ledger = rig.ledger();
    let by = claim(&ledger, &task).await?;
    committed(&ledger, &by, 1, 0..3).await?;
    ledger.release(&by).await.must("release")?;
    for _ in 0..4 {
        let state = rig.ledger().observe(&task).await.must("observe")?;
        let seen = state.map(|state| (state.owner, state.epoch));
        ensure!(seen == Some((None, by.epoch)), "a released task shows {seen:?}");
    }
    let (next, by) = rig.owner().await?;
    ensure!(next.is_record_processed(&by, &key(1)).await.must("status")?, "the release took ids along");
    Ok(Checked::Held)
}
