//! The contract, case by case, in each topology.

use std::sync::Arc;

use libtest_mimic::Trial;
use velostream_conformance::Fixture;
use velostream_core::ConditionalStore;
use velostream_store_redis::{RedisStore, Topology};
use velostream_testkit::{Factory, contract_trials};

use crate::config_of;
use crate::shared::{Place, Shared};

pub(crate) fn trials(shared: &Arc<Shared>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (place, name) in Place::ALL {
        let shared = Arc::clone(shared);
        let factory: Factory = Arc::new(move |case| Ok(Box::pin(fixture(shared.topology(place)?, case))));
        trials.extend(contract_trials(name, &factory));
    }
    trials
}

async fn fixture(topology: Topology, case: &'static str) -> Fixture {
    let config = config_of(topology);
    let store = RedisStore::open(config.clone()).await.unwrap();
    // The first part of a key picks the slot, and thereby the server of a cluster.
    Fixture::new(Arc::new(store)).with_prefix(format!("{case}/")).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn ConditionalStore> = Arc::new(RedisStore::open(config).await.unwrap());
            again
        })
    }))
}
