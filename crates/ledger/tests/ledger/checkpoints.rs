//! The ring.

use velostream_core::{BatchId, Code, ConditionalStore, Disposition};
use velostream_envelope::{BodyCodec, Format};
use velostream_ledger::{Commit, StateStore};
use velostream_store_memory::Fault;

use crate::rig::{Rig, assert_rejected, batch, checkpoint, task};

async fn slots(rig: &Rig) -> Vec<String> {
    rig.store.list("orders-dr.lane-0/o/checkpoint/", None, 100).await.unwrap()
}

#[tokio::test]
async fn a_task_without_checkpoints_has_none() {
    let rig = Rig::default();
    let (ledger, _) = rig.owner().await;
    assert!(ledger.load_latest_checkpoint(&task()).await.unwrap().is_none());
    let never = velostream_ledger::TaskId::new("never-claimed").unwrap();
    assert!(ledger.load_latest_checkpoint(&never).await.unwrap().is_none());
}

#[tokio::test]
async fn the_ring_keeps_the_newest_and_deletes_the_rest() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for id in [1, 2, 5, 6, 9] {
        ledger.save_checkpoint(&by, checkpoint(id)).await.unwrap();
        let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap().unwrap();
        assert_eq!(loaded.checkpoint, checkpoint(id));
        assert!(loaded.skipped.is_empty());
    }
    assert_eq!(slots(&rig).await.len(), 3);
    assert_rejected(ledger.save_checkpoint(&by, checkpoint(8)).await);
    let (second, by) = rig.owner().await;
    assert_rejected(second.save_checkpoint(&by, checkpoint(9)).await);
    second.save_checkpoint(&by, checkpoint(10)).await.unwrap();
    assert_eq!(slots(&rig).await.len(), 3);
}

#[tokio::test]
async fn the_ring_turns_with_commits_as_well() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    ledger.begin_batch_processing(&by, batch(1, vec![])).await.unwrap();
    for n in 1..=8 {
        let commit = Commit::of(BatchId(n)).and_begin(batch(n + 1, vec![])).and_save(checkpoint(n));
        ledger.commit_batch_processing(&by, commit).await.unwrap();
    }
    assert_eq!(slots(&rig).await.len(), 3);
}

#[tokio::test]
async fn a_damaged_or_missing_checkpoint_is_skipped_and_reported() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for id in 1..=3 {
        ledger.save_checkpoint(&by, checkpoint(id)).await.unwrap();
    }
    let keys = slots(&rig).await;
    rig.store.lose(&keys[2]);
    rig.store.damage(&keys[1], "VSck torn");
    let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap().unwrap();
    assert_eq!(loaded.checkpoint, checkpoint(1));
    let codes: Vec<Code> = loaded.skipped.iter().map(velostream_core::Error::code).collect();
    assert_eq!(codes, [Code::StateLost, Code::StateCorrupt]);
    rig.store.lose(&keys[0]);
    let error = ledger.load_latest_checkpoint(&task()).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::StateLost, Disposition::Corrupt));
}

#[tokio::test]
async fn a_checkpoint_of_a_later_release_is_not_fallen_back_behind() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    for id in 1..=2 {
        ledger.save_checkpoint(&by, checkpoint(id)).await.unwrap();
    }
    let newer = velostream_envelope::encode(Format::new(*b"VSck", 9), BodyCodec::Bincode2, b"?").unwrap();
    rig.store.damage(&slots(&rig).await[1], newer);
    let error = ledger.load_latest_checkpoint(&task()).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), (Code::StateVersion, Disposition::Reject));
}

/// The model store refuses a key that is written twice: attempts with other content must not share one.
#[tokio::test]
async fn a_save_that_failed_can_be_repeated_with_other_content() {
    for fault in [Fault::NotReached, Fault::Torn, Fault::Delayed] {
        let rig = Rig::default();
        let (ledger, by) = rig.owner().await;
        rig.store.script_commits([fault]);
        rig.store.script_reads([Fault::NotReached]);
        ledger.save_checkpoint(&by, checkpoint(1)).await.unwrap_err();
        rig.store.heal();
        let other = velostream_checkpoint::ProcessingCheckpoint { timestamp_ms: 99, ..checkpoint(1) };
        ledger.save_checkpoint(&by, other.clone()).await.unwrap();
        rig.store.land_delayed();
        let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap().unwrap();
        assert_eq!(loaded.checkpoint, other, "{fault:?}");
    }
}
