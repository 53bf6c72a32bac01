//! Every case of shared ids passes an honest store and finds its liar out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

use std::sync::Arc;
use std::time::Duration;

use velostream_conformance::{
    Case, Checked, LyingIds, Reopen, SHARED_CASES, SharedFixture, SharedLie, Verdict, Violation,
};
use velostream_core::SharedIds;
use velostream_store_memory::MemoryStore;

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

async fn run(case: &Case<SharedFixture, SharedLie>, fixture: &SharedFixture) -> Verdict {
    let guard = tokio::time::timeout(Duration::from_secs(30), (case.run)(fixture)).await;
    guard.unwrap_or(Err(Violation::Hangs { what: "the case" }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_shared_ids_pass_every_case() {
    for case in SHARED_CASES {
        let verdict = run(case, &honest()).await;
        assert!(matches!(verdict, Ok(Checked::Held)), "{}: {verdict:?}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_shared_ids_finds_its_liar_out() {
    let mut missed = Vec::new();
    for case in SHARED_CASES {
        // A lie about a race needs the race to happen: on a busy machine not every run has one.
        let mut found = false;
        for _ in 0..5 {
            found = found || run(case, &liar(case.refutes)).await.is_err();
        }
        if !found {
            missed.push((case.name, case.refutes));
        }
    }
    assert!(missed.is_empty(), "lies that passed: {missed:#?}");
}

mod memory {
    use super::*;

    async fn memory() -> SharedFixture {
        SharedFixture::new(Arc::new(MemoryStore::new()))
    }

    velostream_conformance::shared_conformance!(memory);
}
