//! The contract of shared ids.

use std::sync::Arc;

use velostream_conformance::{LyingIds, Reopen, SHARED_CASES, SharedFixture, SharedLie};
use velostream_core::SharedIds;
use velostream_store_memory::MemoryStore;

use crate::{expect_all_hold, expect_all_lies_found};

fn honest() -> SharedFixture {
    let reopen: Reopen<dyn SharedIds> = Box::new(|store| Box::pin(async { store }));
    SharedFixture::new(Arc::new(MemoryStore::new())).with_reopen(reopen)
}

fn liar(lie: SharedLie) -> SharedFixture {
    let reopen: Reopen<dyn SharedIds> = Box::new(move |store| {
        Box::pin(async move {
            let again: Arc<dyn SharedIds> = match lie {
                SharedLie::ForgetsOnReopen => Arc::new(MemoryStore::new()),
                _ => store,
            };
            again
        })
    });
    SharedFixture::new(Arc::new(LyingIds::new(Arc::new(MemoryStore::new()), lie))).with_reopen(reopen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_shared_ids_pass_every_case() {
    expect_all_hold(SHARED_CASES, honest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_shared_ids_finds_its_liar_out() {
    expect_all_lies_found(SHARED_CASES, liar).await;
}

mod memory {
    use super::*;

    async fn memory() -> SharedFixture {
        SharedFixture::new(Arc::new(MemoryStore::new()))
    }

    velostream_conformance::shared_conformance!(memory);
}
