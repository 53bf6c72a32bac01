//! The same ledger over a file, across a restart.

use std::sync::Arc;

use velostream_core::{BatchId, ConditionalStore};
use velostream_ledger::{Commit, Ledger, RecordStatus, StateStore};
use velostream_store_redb::{Config, RedbStore};

use crate::rig::{Rig, TestClock, batch, checkpoint, config, keys, positions, task};

#[tokio::test]
async fn a_restarted_process_goes_on_where_the_file_stands() {
    let directory = tempfile::tempdir().unwrap();
    let file = Config::new(directory.path().join("a.redb"));
    let rig = Rig::default();
    for round in 0..5u64 {
        let store = RedbStore::open(file.clone()).await.unwrap();
        let erased: Arc<dyn ConditionalStore> = Arc::new(store.clone());
        let ledger = Ledger::new(erased, Arc::<TestClock>::clone(&rig.clock), config());
        let claimed = ledger.claim(&task(), &rig.claimant()).await.unwrap();
        let (by, first) = (claimed.ownership, round * 10 + 1);
        assert_eq!(claimed.state.committed, BatchId(round * 10));
        if round > 0 {
            assert_eq!(claimed.state.positions, positions(round * 1000));
            let loaded = ledger.load_latest_checkpoint(&task()).await.unwrap().unwrap();
            assert_eq!(loaded.checkpoint, checkpoint(round));
            assert_eq!(claimed.state.open_batches.len(), 1);
            ledger.abort_batch_processing(&by, BatchId(first)).await.unwrap();
        }
        let status = ledger.record_status(&by, &keys(0..round * 100)).await.unwrap();
        assert!(status.iter().all(|s| *s == RecordStatus::Processed));
        let ids = |n: u64| keys((n - 1) * 10..n * 10);
        ledger.begin_batch_processing(&by, batch(first, ids(first))).await.unwrap();
        for n in first..first + 10 {
            let mut commit = Commit::of(BatchId(n)).and_begin(batch(n + 1, ids(n + 1)));
            if n == first + 9 {
                commit = commit.and_save(checkpoint(round + 1));
            }
            ledger.commit_batch_processing(&by, commit).await.unwrap();
        }
        store.close().await;
    }
}
