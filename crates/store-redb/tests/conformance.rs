//! The contract, on a file in a temporary directory.

#![allow(clippy::unwrap_used, reason = "a broken test shows itself by a panic")]

use std::sync::Arc;

use velostream_conformance::{Fixture, SharedFixture};
use velostream_core::{ConditionalStore, SharedIds};
use velostream_store_redb::{Config, RedbStore};

async fn redb() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path().join("a.redb"));
    let store = RedbStore::open(config.clone()).await.unwrap();
    let old = store.clone();
    Fixture::new(Arc::new(store)).keep(directory).with_reopen(Box::new(move |_| {
        let (old, config) = (old.clone(), config.clone());
        Box::pin(async move {
            old.close().await;
            let again: Arc<dyn ConditionalStore> = Arc::new(RedbStore::open(config).await.unwrap());
            again
        })
    }))
}

velostream_conformance::conformance!(redb);
velostream_conformance::conformance_through_wrappers!(redb);

mod shared {
    use super::*;

    async fn redb() -> SharedFixture {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::new(directory.path().join("a.redb"));
        let store = RedbStore::open(config.clone()).await.unwrap();
        let old = store.clone();
        SharedFixture::new(Arc::new(store)).keep(directory).with_reopen(Box::new(move |_| {
            let (old, config) = (old.clone(), config.clone());
            Box::pin(async move {
                old.close().await;
                let again: Arc<dyn SharedIds> = Arc::new(RedbStore::open(config).await.unwrap());
                again
            })
        }))
    }

    velostream_conformance::shared_conformance!(redb);
    velostream_conformance::shared_conformance_through_wrappers!(redb);
}
