//! The contract of stores.

use std::collections::BTreeSet;
use std::sync::Arc;

use velostream_conformance::{Fixture, Group, Lie, LyingStore, Reopen, STORE_CASES, cases};
use velostream_core::{ConditionalStore, DurabilityClass, StoreGuarantees};
use velostream_store_memory::MemoryStore;

use crate::{expect_all_hold, expect_all_lies_found, is_found_out};

/// Small limits, so that every case about limits runs.
fn guarantees() -> StoreGuarantees {
    StoreGuarantees {
        class: DurabilityClass::Restart,
        linearizable: true,
        shared: false,
        max_value_bytes: 2 << 20,
        max_puts: 40,
    }
}

fn honest() -> Fixture {
    let store = Arc::new(MemoryStore::with_guarantees(guarantees()));
    let reopen: Reopen = Box::new(|store| Box::pin(async { store }));
    Fixture::new(store).with_reopen(reopen)
}

fn liar(lie: Lie) -> Fixture {
    let honest = Arc::new(MemoryStore::with_guarantees(guarantees()));
    let reopen: Reopen = Box::new(move |store| {
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = match lie {
                Lie::ForgetsOnReopen => Arc::new(MemoryStore::with_guarantees(guarantees())),
                Lie::RenumbersOnReopen => Arc::new(LyingStore::new(store, lie)),
                _ => store,
            };
            again
        })
    });
    // This lie begins with the second process.
    let store: Arc<dyn ConditionalStore> = match lie {
        Lie::RenumbersOnReopen => honest,
        _ => Arc::new(LyingStore::new(honest, lie)),
    };
    Fixture::new(store).with_reopen(reopen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_store_passes_every_case() {
    expect_all_hold(STORE_CASES, honest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_finds_its_liar_out() {
    expect_all_lies_found(STORE_CASES, liar).await;
}

/// The check of a long history finds lost updates as well as stale reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checked_history_finds_every_kind_of_broken_order() {
    let case =
        STORE_CASES.iter().find(|case| case.name == "a_history_of_eight_clients_is_linearizable").unwrap();
    for lie in [
        Lie::ReadsStale,
        Lie::ComparesThenSets,
        Lie::IgnoresVersions,
        Lie::ConflictWrites,
        Lie::ForgetsCommits,
        Lie::GuessesVersions,
    ] {
        assert!(is_found_out(case, || liar(lie).with_history(300)).await, "{lie:?} passed");
    }
}

#[test]
fn every_group_has_cases() {
    let groups: BTreeSet<Group> = cases().map(|(group, _)| group).collect();
    assert_eq!(groups.len(), 7);
}

#[test]
fn names_of_cases_are_unique() {
    let names: BTreeSet<&str> = cases().map(|(_, name)| name).collect();
    assert_eq!(names.len(), cases().count());
}

mod memory {
    use super::*;

    async fn memory() -> Fixture {
        Fixture::new(Arc::new(MemoryStore::new()))
    }
    velostream_conformance::conformance!(memory);
}
