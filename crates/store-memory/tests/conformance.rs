//! The contract.

use std::sync::Arc;

use velostream_conformance::{Fixture, SharedFixture};
use velostream_store_memory::MemoryStore;

async fn memory() -> Fixture {
    Fixture::new(Arc::new(MemoryStore::new()))
}

velostream_conformance::conformance!(memory);
velostream_conformance::conformance_through_wrappers!(memory);

mod shared {
    use super::*;

    async fn memory() -> SharedFixture {
        SharedFixture::new(Arc::new(MemoryStore::new()))
    }

    velostream_conformance::shared_conformance!(memory);
    velostream_conformance::shared_conformance_through_wrappers!(memory);
}
