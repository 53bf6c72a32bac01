//! Claims, leases, and the fence on every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{
    BatchId, Code, ConditionalStore, Disposition, Epoch, Nonce, Outcome, Put, Result, RootWrite,
    StoreGuarantees, Versioned,
};
use velostream_ledger::{Claimant, Commit, LeaseWatch, Ledger, Ownership, StateStore, TaskId};
use velostream_store_memory::{Fault, MemoryStore};

use crate::rig::{Rig, TestClock, assert_fenced, batch, checkpoint, config, key, keys, task};

/// Every call that takes an ownership and may write.
async fn every_mutating_call(ledger: &dyn StateStore, by: &Ownership) -> Vec<Result<()>> {
    vec![
        ledger.renew(by).await,
        ledger.release(by).await,
        ledger.begin_batch_processing(by, batch(2, keys(10..12))).await,
        ledger.begin_batch_processing(by, batch(1, keys(0..5))).await,
        ledger.mark_records_processed(by, BatchId(1), &keys(0..5)).await,
        ledger.mark_records_processed(by, BatchId(1), &[]).await,
        ledger.commit_batch_processing(by, Commit::of(BatchId(1))).await,
        ledger.commit_batch_processing(by, Commit::of(BatchId(1)).and_begin(batch(2, vec![]))).await,
        ledger.abort_batch_processing(by, BatchId(1)).await,
        ledger.abort_batch_processing(by, BatchId(9)).await,
        ledger.cleanup_old_records(by, i64::MAX).await.map(|_| ()),
        ledger.forget_records(by).await.map(|_| ()),
        ledger.sweep(by).await.map(|_| ()),
        ledger.save_checkpoint(by, checkpoint(2)).await,
        ledger.save_checkpoint(by, checkpoint(1)).await,
    ]
}

/// A task with an open batch and a checkpoint, so that every call has something to do or to find done.
async fn busy(rig: &Rig) -> (Ledger<MemoryStore>, Ownership) {
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..5))).await.unwrap();
    ledger.save_checkpoint(&by, checkpoint(1)).await.unwrap();
    (ledger, by)
}

#[tokio::test]
async fn every_claim_has_a_higher_epoch_and_its_own_nonce() {
    let rig = Rig::default();
    let first = rig.claim(&rig.ledger()).await;
    let second = rig.claim(&rig.ledger()).await;
    assert_eq!((first.epoch, second.epoch), (Epoch(1), Epoch(2)));
    assert_ne!(first.nonce, second.nonce);
}

#[tokio::test]
async fn a_claim_goes_above_what_the_claimant_has_seen() {
    let rig = Rig::default();
    let claimant = Claimant { at_least: Epoch(40), ..rig.claimant() };
    assert_eq!(rig.ledger().claim(&task(), &claimant).await.unwrap().ownership.epoch, Epoch(41));
}

#[tokio::test]
async fn a_stale_owner_in_another_process_is_refused_by_every_call_and_writes_nothing() {
    let rig = Rig::default();
    let (old, by) = busy(&rig).await;
    rig.claim(&rig.ledger()).await;
    let before = rig.store.snapshot();
    for (n, result) in every_mutating_call(&old, &by).await.into_iter().enumerate() {
        let error = result.expect_err(&format!("call {n}"));
        assert_eq!(error.disposition(), Disposition::Fenced, "call {n}: {error}");
        assert_eq!(error.code(), Code::StoreFenced, "call {n}: {error}");
    }
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_stale_owner_in_the_same_process_is_refused_by_every_call() {
    let rig = Rig::default();
    let (ledger, by) = busy(&rig).await;
    rig.claim(&ledger).await;
    let before = rig.store.snapshot();
    every_mutating_call(&ledger, &by).await.into_iter().for_each(assert_fenced);
    assert_eq!(rig.store.snapshot(), before);
}

/// A failover loses the claim of one owner; the next gets the same epoch. Only the nonce tells them apart.
#[tokio::test]
async fn the_nonce_tells_owners_apart_whom_a_roll_back_gave_one_epoch() {
    let rig = Rig::default();
    drop(busy(&rig).await);
    let replica = rig.store.snapshot();
    let (zombie, old) = rig.owner().await;
    zombie.begin_batch_processing(&old, batch(2, keys(5..9))).await.unwrap();
    rig.store.roll_back(&replica);
    let (owner, new) = rig.owner().await;
    assert_eq!(old.epoch, new.epoch);
    let before = rig.store.snapshot();
    every_mutating_call(&zombie, &old).await.into_iter().for_each(assert_fenced);
    assert_eq!(rig.store.snapshot(), before);
    owner.commit_batch_processing(&new, Commit::of(BatchId(1))).await.unwrap();
}

/// A nonce must not be used twice; where it is, the epoch still fences.
#[tokio::test]
async fn an_owner_whose_nonce_was_used_again_is_fenced_by_the_epoch() {
    let rig = Rig::default();
    let (old, by) = busy(&rig).await;
    rig.claim(&rig.ledger()).await;
    let again = Claimant { nonce: by.nonce, ..rig.claimant() };
    rig.ledger().claim(&task(), &again).await.unwrap();
    let before = rig.store.snapshot();
    every_mutating_call(&old, &by).await.into_iter().for_each(assert_fenced);
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_forged_ownership_is_refused() {
    let rig = Rig::default();
    let (ledger, by) = busy(&rig).await;
    for forged in [
        Ownership { epoch: Epoch(9), ..by.clone() },
        Ownership { nonce: Nonce(9), ..by.clone() },
        Ownership { task: TaskId::new("other").unwrap(), ..by.clone() },
    ] {
        every_mutating_call(&ledger, &forged).await.into_iter().for_each(assert_fenced);
        assert_fenced(ledger.record_status(&forged, &[key(1)]).await);
    }
}

#[tokio::test]
async fn a_root_that_vanished_is_fenced_and_named_as_loss() {
    let rig = Rig::default();
    let (ledger, by) = busy(&rig).await;
    rig.store.lose("orders-dr.lane-0/root");
    let error = ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::StateLost, Disposition::Fenced));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claimants_at_a_time_one_holds_the_task_in_the_end() {
    let rig = Arc::new(Rig::default());
    for _ in 0..20 {
        let race: Vec<_> = (0..16)
            .map(|_| {
                let rig = Arc::clone(&rig);
                tokio::spawn(async move {
                    let ledger = rig.ledger();
                    let claimed = ledger.claim(&task(), &rig.claimant()).await;
                    (ledger, claimed)
                })
            })
            .collect();
        let mut holders = 0;
        let mut claims = Vec::new();
        for racer in race {
            claims.push(racer.await.unwrap());
        }
        for (ledger, claimed) in claims {
            match claimed {
                Ok(claimed) => holders += u32::from(ledger.renew(&claimed.ownership).await.is_ok()),
                Err(error) => assert_eq!(error.disposition(), Disposition::Fenced, "{error}"),
            }
        }
        assert_eq!(holders, 1);
    }
}

#[tokio::test]
async fn a_claim_finds_what_its_predecessor_left() {
    let rig = Rig::default();
    let (old, by) = busy(&rig).await;
    old.commit_batch_processing(&by, Commit::of(BatchId(1)).and_begin(batch(2, keys(5..7)))).await.unwrap();
    let state = rig.ledger().claim(&task(), &rig.claimant()).await.unwrap().state;
    assert_eq!(state.committed, BatchId(1));
    assert_eq!(state.positions, crate::rig::positions(100));
    assert_eq!(state.open_batches.len(), 1);
    assert_eq!(state.open_batches[0].next_positions, crate::rig::positions(200));
    assert_eq!((state.tracked_records, state.latest_checkpoint.map(|c| c.0)), (5, Some(1)));
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_the_claimants() {
    for fault in [Fault::ReplyLost, Fault::Lost, Fault::Torn, Fault::Delayed] {
        let rig = Rig::default();
        drop(busy(&rig).await);
        rig.store.script_commits([fault]);
        let (ledger, by) = rig.owner().await;
        rig.store.land_delayed();
        assert_eq!(by.epoch, Epoch(2), "{fault:?}");
        ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_that_may_have_been_applied_says_so_and_can_be_repeated() {
    for (commits, reads) in [
        (vec![Fault::ReplyLost], vec![Fault::None, Fault::NotReached]),
        (vec![Fault::Delayed, Fault::NotReached], vec![]),
    ] {
        let rig = Rig::default();
        let (ledger, claimant) = (rig.ledger(), rig.claimant());
        rig.store.script_commits(commits);
        rig.store.script_reads(reads);
        let error = ledger.claim(&task(), &claimant).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
        rig.store.land_delayed();
        let by = ledger.claim(&task(), &claimant).await.unwrap().ownership;
        assert_eq!(by.epoch, Epoch(1));
        ledger.renew(&by).await.unwrap();
    }
}

/// Another claim comes between the reading and the writing of the first: the first has lost the race and says so,
/// instead of taking the task away again.
#[tokio::test]
async fn a_claimant_that_was_overtaken_is_fenced() {
    let rig = Rig::default();
    drop(busy(&rig).await);
    let between =
        Between { store: rig.store.clone(), then: Mutex::new(Some((rig.ledger(), rig.claimant()))) };
    let slow = Ledger::new(Arc::new(between), Arc::<TestClock>::clone(&rig.clock), config());
    assert_fenced(slow.claim(&task(), &rig.claimant()).await);
    assert_eq!(rig.ledger().observe(&task()).await.unwrap().unwrap().epoch, Epoch(2));
}

/// Lets somebody else claim in front of the first commit.
#[derive(Debug)]
struct Between {
    store: MemoryStore,
    then: Mutex<Option<(Ledger<MemoryStore>, Claimant)>>,
}

#[async_trait]
impl ConditionalStore for Between {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        let then = self.then.lock().unwrap().take();
        if let Some((ledger, claimant)) = then {
            ledger.claim(&task(), &claimant).await?;
        }
        self.store.commit(puts, root).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.store.delete(keys).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        self.store.list(prefix, after, max).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.store.attest().await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.store.health_check(deadline).await
    }
}

#[tokio::test]
async fn a_repeated_claim_keeps_the_numbers_of_its_chunks() {
    let rig = Rig::default();
    let ledger = rig.ledger();
    let claimant = rig.claimant();
    let first = ledger.claim(&task(), &claimant).await.unwrap();
    ledger.begin_batch_processing(&first.ownership, batch(1, keys(0..3))).await.unwrap();
    let again = ledger.claim(&task(), &claimant).await.unwrap();
    assert_eq!(again.ownership, first.ownership);
    // The model store refuses a key that is written twice.
    ledger
        .commit_batch_processing(&again.ownership, Commit::of(BatchId(1)).and_begin(batch(2, keys(3..6))))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_released_task_takes_no_calls_and_can_be_released_again() {
    let rig = Rig::default();
    let (ledger, by) = busy(&rig).await;
    ledger.release(&by).await.unwrap();
    ledger.release(&by).await.unwrap();
    assert_fenced(ledger.renew(&by).await);
    assert_fenced(ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await);
    let state = ledger.observe(&task()).await.unwrap().unwrap();
    assert_eq!((state.owner, state.epoch), (None, by.epoch));
    rig.claim(&rig.ledger()).await;
    assert_fenced(ledger.release(&by).await);
}

#[tokio::test]
async fn a_lease_runs_out_only_when_nothing_changes() {
    let rig = Rig::default();
    let (ledger, by) = busy(&rig).await;
    let seconds = Duration::from_secs;
    let mut watch = LeaseWatch::new(seconds(10));
    let state = async || ledger.observe(&task()).await.unwrap().unwrap();
    assert!(!watch.has_run_out(&state().await, seconds(100)));
    assert!(!watch.has_run_out(&state().await, seconds(109)));
    ledger.renew(&by).await.unwrap();
    assert!(!watch.has_run_out(&state().await, seconds(110)));
    ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
    assert!(!watch.has_run_out(&state().await, seconds(119)));
    assert!(!watch.has_run_out(&state().await, seconds(128)));
    assert!(watch.has_run_out(&state().await, seconds(129)));
    ledger.release(&by).await.unwrap();
    assert!(LeaseWatch::new(seconds(10)).has_run_out(&state().await, seconds(0)));
}

#[test]
fn names_of_tasks_are_checked() {
    let long = "a".repeat(201);
    for name in ["", "A", "a/b", "a b", "a:b", long.as_str()] {
        assert!(TaskId::new(name).is_err(), "{name}");
    }
}

#[tokio::test]
async fn tasks_whose_names_share_a_prefix_are_apart() {
    let rig = Rig::default();
    let ledger = rig.ledger();
    let names = ["a", "a.b", "ab", "a-"].map(|name| TaskId::new(name).unwrap());
    let mut owners = Vec::new();
    for task in &names {
        let by = ledger.claim(task, &rig.claimant()).await.unwrap().ownership;
        ledger.begin_batch_processing(&by, batch(1, keys(0..9))).await.unwrap();
        ledger.commit_batch_processing(&by, Commit::of(BatchId(1))).await.unwrap();
        owners.push(by);
    }
    ledger.forget_records(&owners[0]).await.unwrap();
    ledger.sweep(&owners[0]).await.unwrap();
    assert!(!ledger.is_record_processed(&owners[0], &key(1)).await.unwrap());
    let (fresh, rest) = (rig.ledger(), &names[1..]);
    for task in rest {
        let by = fresh.claim(task, &rig.claimant()).await.unwrap().ownership;
        assert!(fresh.is_record_processed(&by, &key(1)).await.unwrap(), "{task}");
    }
}
