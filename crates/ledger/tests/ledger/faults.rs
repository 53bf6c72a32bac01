//! Lost replies, late arrivals, outages: one call, one effect.

use velostream_core::{BatchId, Code, Disposition};
use velostream_ledger::{Commit, Ledger, Ownership, RecordStatus, StateStore, TaskState};
use velostream_store_memory::{Fault, MemoryStore};

use crate::rig::{Rig, assert_fenced, batch, checkpoint, key, keys, task};

const FAULTS: [Fault; 4] = [Fault::ReplyLost, Fault::Lost, Fault::Torn, Fault::Delayed];

type Held = (Ledger<MemoryStore>, Ownership);

/// One job step by step; returns what a reader sees in the end.
async fn job(rig: &Rig, mut before_step: impl FnMut(&Rig, usize)) -> (TaskState, Vec<RecordStatus>) {
    let (ledger, by): Held = rig.owner().await;
    let mut step = 0;
    macro_rules! step {
        ($call:expr) => {
            before_step(rig, step);
            $call.await.unwrap();
            rig.store.land_delayed();
            #[allow(unused_assignments, reason = "the last step has no successor")]
            {
                step += 1;
            }
        };
    }
    step!(ledger.begin_batch_processing(&by, batch(1, keys(0..5))));
    step!(ledger.mark_records_processed(&by, BatchId(1), &keys(5..7)));
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, keys(7..12))).and_save(checkpoint(1));
    step!(ledger.commit_batch_processing(&by, commit));
    step!(ledger.commit_batch_processing(&by, Commit::of(BatchId(2)).and_begin(batch(3, keys(12..15)))));
    step!(ledger.abort_batch_processing(&by, BatchId(3)));
    step!(ledger.begin_batch_processing(&by, batch(3, keys(20..22))));
    step!(ledger.save_checkpoint(&by, checkpoint(2)));
    step!(ledger.renew(&by));
    step!(ledger.commit_batch_processing(&by, Commit::of(BatchId(3))));
    step!(ledger.release(&by));
    let (reader, by) = rig.owner().await;
    let status = reader.record_status(&by, &keys(0..25)).await.unwrap();
    let mut state = reader.observe(&task()).await.unwrap().unwrap();
    state.lease = 0;
    (state, status)
}

#[tokio::test]
async fn every_fault_at_every_step_leaves_what_no_fault_leaves() {
    let (wanted_state, wanted_status) = job(&Rig::default(), |_, _| {}).await;
    assert_eq!(wanted_state.committed, BatchId(3));
    for at in 0..10 {
        for fault in FAULTS {
            for second in [Fault::None, Fault::ReplyLost, Fault::Lost, Fault::Delayed] {
                let rig = Rig::default();
                let found = job(&rig, |rig, step| {
                    if step == at {
                        rig.store.script_commits([fault, second]);
                    }
                })
                .await;
                assert_eq!(
                    found,
                    (wanted_state.clone(), wanted_status.clone()),
                    "{fault:?}, {second:?} at {at}"
                );
            }
        }
    }
}

#[tokio::test]
async fn while_the_root_cannot_be_read_a_lost_reply_stays_open_and_the_next_call_resolves_it() {
    for fault in FAULTS {
        let rig = Rig::default();
        let (ledger, by) = rig.owner().await;
        rig.store.script_commits([fault]);
        rig.store.script_reads([Fault::NotReached, Fault::NotReached]);
        for _ in 0..2 {
            let error = ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
            assert_eq!((error.code(), error.disposition()), (Code::StoreUnavailable, Disposition::Reconcile));
        }
        ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap();
        rig.store.land_delayed();
        ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
        let state = ledger.observe(&task()).await.unwrap().unwrap();
        assert_eq!((state.committed, state.tracked_records), (BatchId(1), 5), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_did_not_reach_the_store_is_a_retry_and_changes_nothing() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    let before = rig.store.snapshot();
    rig.store.script_commits([Fault::NotReached]);
    let error = ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry);
    assert_eq!(rig.store.snapshot(), before);
    ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap();
}

/// The lost write arrives after the caller has gone on: the version it expects is gone.
#[tokio::test]
async fn a_write_that_arrives_late_changes_nothing() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.store.script_commits([Fault::Delayed, Fault::Delayed]);
    rig.store.script_reads([Fault::None, Fault::NotReached]);
    ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
    ledger.abort_batch_processing(&by, BatchId(1)).await.unwrap();
    ledger.begin_batch_processing(&by, batch(1, keys(50..53))).await.unwrap();
    let before = ledger.observe(&task()).await.unwrap();
    assert_eq!(rig.store.land_delayed(), 0);
    assert_eq!(ledger.observe(&task()).await.unwrap(), before);
}

/// Here it arrives before the caller's next write and takes its version: the caller notices and goes on from it.
#[tokio::test]
async fn a_late_write_that_lands_between_read_and_write_is_taken_into_account() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.store.script_commits([Fault::Delayed, Fault::NotReached]);
    let error = ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
    // The second attempt certainly failed; the first may still arrive, and does.
    assert_eq!(error.disposition(), Disposition::Reconcile);
    assert_eq!(rig.store.land_delayed(), 1);
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    assert!(ledger.is_record_processed(&by, &key(4)).await.unwrap());
}

/// An abort that finds nothing to abort must not leave room for the lost begin to arrive behind it.
#[tokio::test]
async fn after_an_abort_a_lost_begin_never_arrives() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.store.script_commits([Fault::Delayed]);
    rig.store.script_reads([Fault::NotReached]);
    ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
    ledger.abort_batch_processing(&by, BatchId(1)).await.unwrap();
    assert_eq!(rig.store.land_delayed(), 0);
    assert!(ledger.observe(&task()).await.unwrap().unwrap().open_batches.is_empty());
}

#[tokio::test]
async fn a_lost_reply_that_hides_a_takeover_is_fenced() {
    for fault in FAULTS {
        let rig = Rig::default();
        let (old, by) = rig.owner().await;
        rig.store.script_commits([fault]);
        rig.store.script_reads([Fault::NotReached]);
        old.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
        let (new, owner) = rig.owner().await;
        assert_fenced(old.begin_batch_processing(&by, batch(1, keys(0..5))).await);
        rig.store.land_delayed();
        let state = new.observe(&task()).await.unwrap().unwrap();
        assert_eq!((state.epoch, state.nonce), (owner.epoch, owner.nonce), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_leaves_a_doubt_that_the_next_call_resolves() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.store.script_commits([Fault::ReplyLost]);
    rig.store.script_reads([Fault::NotReached]);
    // What a dropped future leaves is what a lost reply leaves: the write may stand, the ledger has not seen it.
    ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap_err();
    let status = ledger.record_status(&by, &[key(1)]).await.unwrap();
    assert_eq!(status, [RecordStatus::Pending(BatchId(1))]);
}

#[tokio::test]
async fn a_store_that_never_answers_ends_in_an_error() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    rig.store.script_commits([Fault::Lost; 100]);
    let error = ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap_err();
    assert_eq!(error.code(), Code::StoreUnavailable);
    rig.store.heal();
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
}

#[tokio::test]
async fn health_is_the_stores() {
    let rig = Rig::default();
    let ledger = rig.ledger();
    rig.store.script_reads([Fault::NotReached]);
    let deadline = std::time::Duration::from_secs(1);
    assert_eq!(ledger.health_check(deadline).await.unwrap_err().disposition(), Disposition::Retry);
    ledger.health_check(deadline).await.unwrap();
}
