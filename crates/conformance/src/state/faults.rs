//! Lost replies and late requests: certain in the end, and never applied twice.

use velostream_core::{BatchId, ConditionalStore, Disposition, Epoch, Outcome, Result};
use velostream_ledger::{Commit, Ownership, StateStore};

use crate::faulty::{Fault, FaultyStore};
use crate::state::rig::{Must, Rig, batch, checkpoint, claimant, committed, key, task};
use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

fn is_lost<T: std::fmt::Debug>(result: &Result<T>) -> Result<(), Violation> {
    match result {
        Err(error) if error.disposition() == Disposition::Reconcile => Ok(()),
        other => Err(Violation::Seen { what: format!("a lost reply gave {other:?}") }),
    }
}

pub(crate) async fn a_commit_repeated_after_a_lost_reply_is_applied(f: &Fixture) -> Verdict {
    let store = FaultyStore::new(f.store());
    let mut expected = None;
    for n in 0..3_u8 {
        let (puts, root) = ([f.put(&format!("p{n}"), [n])], f.root("root", expected, [n]));
        store.script([Fault::ReplyLost]);
        is_lost(&store.commit(&puts, root.clone()).await)?;
        let again =
            store.commit(&puts, root).await.map_err(|source| Violation::Failed { call: "commit", source })?;
        let Outcome::Applied(version) = again else {
            return Err(Violation::Seen { what: format!("repeating commit {n} conflicted: {again:?}") });
        };
        let found = f.read("root").await?.map(|found| found.version);
        ensure!(found == Some(version), "repeating commit {n} answered {version:?}, {found:?} stands");
        expected = Some(version);
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_delete_repeated_after_a_lost_reply_is_fine(f: &Fixture) -> Verdict {
    let store = FaultyStore::new(f.store());
    f.applied(&[f.put("p", "p")], f.root("root", None, "r")).await?;
    store.script([Fault::ReplyLost]);
    let key = f.key("p");
    is_lost(&store.delete(&[&key]).await)?;
    store.delete(&[&key]).await.must("delete")?;
    ensure!(f.read("p").await?.is_none(), "the put is still there");
    ensure!(f.read("root").await?.is_some(), "the root went along");
    Ok(Checked::Held)
}

pub(crate) async fn a_claim_whose_reply_was_lost_is_the_claimants(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    for (fault, epoch) in [(Fault::ReplyLost, 1), (Fault::Lost, 2), (Fault::PutsOnly, 3)] {
        rig.store.script([fault]);
        let (ledger, by) = rig.owner().await?;
        ensure!(by.epoch == Epoch(epoch), "after {fault:?} the claim has epoch {}", by.epoch);
        ledger.renew(&by).await.must("renew")?;
    }
    Ok(Checked::Held)
}

/// One batch with its checkpoint, then one that is aborted. Repeats what is certain not to be applied.
async fn two_batches(ledger: &dyn StateStore, by: &Ownership) -> Result<(), Violation> {
    ledger.begin_batch_processing(by, batch(1, 0..6)).await.must("begin")?;
    ledger.mark_records_processed(by, BatchId(1), &[key(50)]).await.must("mark")?;
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, 10..16));
    ledger.commit_batch_processing(by, commit).await.must("commit")?;
    ledger.save_checkpoint(by, checkpoint(1)).await.must("save")?;
    ledger.abort_batch_processing(by, BatchId(2)).await.must("abort")
}

/// Calls of [`two_batches`], each one commit.
const CALLS: usize = 5;

pub(crate) async fn a_lost_reply_of_any_batch_call_changes_nothing_twice(f: &Fixture) -> Verdict {
    for (n, fault) in [Fault::ReplyLost, Fault::Lost, Fault::PutsOnly].into_iter().enumerate() {
        for at in 0..CALLS {
            let (rig, task) = (Rig::new(f), task(&format!("orders.{n}.{at}"))?);
            let ledger = rig.ledger();
            let by = ledger.claim(&task, &claimant()).await.must("claim")?.ownership;
            rig.store.script(std::iter::repeat_n(Fault::None, at).chain([fault]));
            two_batches(&ledger, &by).await?;
            let next = rig.ledger();
            let claimed = next.claim(&task, &claimant()).await.must("claim")?;
            let (state, by) = (claimed.state, claimed.ownership);
            let seen = (state.committed, state.tracked_records, state.open_batches.len());
            ensure!(seen == (BatchId(1), 7, 0), "after {fault:?} at call {at} the task shows {seen:?}");
            for (id, wanted) in [(0, true), (50, true), (10, false)] {
                let found = next.is_record_processed(&by, &key(id)).await.must("status")?;
                ensure!(found == wanted, "after {fault:?} at call {at} id {id} counts: {found}");
            }
            let loaded = next.load_latest_checkpoint(&task).await.must("load")?;
            ensure!(loaded.is_some(), "after {fault:?} at call {at} the checkpoint is lost");
        }
    }
    Ok(Checked::Held)
}

pub(crate) async fn puts_that_arrived_without_their_root_can_be_sent_again(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    rig.store.script([Fault::PutsOnly]);
    ledger.begin_batch_processing(&by, batch(1, 0..6)).await.must("begin")?;
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.must("commit")?;
    let (next, by) = rig.owner().await?;
    ensure!(next.is_record_processed(&by, &key(5)).await.must("status")?, "the ids are lost");
    Ok(Checked::Held)
}

/// The first attempt is still on its way when the second was applied and more followed.
pub(crate) async fn a_commit_that_arrives_late_changes_nothing(f: &Fixture) -> Verdict {
    let rig = Rig::new(f);
    let (ledger, by) = rig.owner().await?;
    rig.store.script([Fault::Delayed]);
    committed(&ledger, &by, 1, 0..6).await?;
    let before = rig.root(&by.task).await?;
    rig.store.land_delayed().await.must("commit")?;
    ensure!(rig.root(&by.task).await? == before, "a commit from the past changed the root");
    committed(&ledger, &by, 2, 6..12).await?;
    let (next, by) = rig.owner().await?;
    for id in [0, 11] {
        ensure!(next.is_record_processed(&by, &key(id)).await.must("status")?, "id {id} is lost");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_claim_that_arrives_late_takes_nothing_away(f: &Fixture) -> Verdict {
    let (rig, task) = (Rig::new(f), task("orders.lane-0")?);
    // The claim gives up with its only request on the way.
    rig.store.script([Fault::Delayed, Fault::NotReached]);
    let slow = rig.ledger().claim(&task, &claimant()).await;
    is_lost(&slow)?;
    let (owner, by) = rig.owner().await?;
    rig.store.land_delayed().await.must("commit")?;
    committed(&owner, &by, 1, 0..6).await?;
    let state = rig.ledger().observe(&task).await.must("observe")?;
    let seen = state.map(|state| (state.nonce, state.committed));
    ensure!(seen == Some((by.nonce, BatchId(1))), "the late claim left {seen:?}");
    Ok(Checked::Held)
}
