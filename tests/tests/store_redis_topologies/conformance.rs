//! The contract, case by case, in each topology.

use std::sync::Arc;

use libtest_mimic::Trial;
use velostream_conformance::{Fixture, SharedFixture};
use velostream_core::{ConditionalStore, SharedIds};
use velostream_store_memory::MemoryStore;
use velostream_store_redis::{RedisStore, Topology};
use velostream_testkit::{Factory, answers_as_the_model, answers_as_the_model_to_many_ids, contract_trials};

use crate::shared::{Place, Shared};
use crate::{config_of, runtime};

pub(crate) fn trials(shared: &Arc<Shared>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (place, name) in Place::ALL {
        let shared = Arc::clone(shared);
        let factory: Factory = Arc::new(move |case| Ok(Box::pin(fixture(shared.topology(place)?, case))));
        trials.extend(contract_trials(name, &factory));
    }
    for (place, name) in Place::ALL {
        let shared = Arc::clone(shared);
        let factory: Factory<SharedFixture> =
            Arc::new(move |case| Ok(Box::pin(shared_fixture(shared.topology(place)?, case))));
        trials.extend(contract_trials(name, &factory));
    }
    for (place, name) in Place::ALL {
        let shared = Arc::clone(shared);
        let name = format!("{name}::shared_ids_answer_as_the_model");
        trials.push(Trial::test(name, move || {
            let topology = shared.topology(place)?;
            as_the_model(topology).map_err(|error| format!("{error:#}").into())
        }));
    }
    trials
}

fn as_the_model(topology: Topology) -> anyhow::Result<()> {
    runtime().block_on(async {
        let store = RedisStore::open(config_of(topology)).await?;
        // Each set has a slot of its own.
        for seed in 0..8 {
            answers_as_the_model(&store, &MemoryStore::new(), &format!("set-{seed}"), seed, 200).await?;
        }
        answers_as_the_model_to_many_ids(&store, &MemoryStore::new(), "many", 10_001).await
    })
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

async fn shared_fixture(topology: Topology, case: &'static str) -> SharedFixture {
    let config = config_of(topology);
    let store = RedisStore::open(config.clone()).await.unwrap();
    // The name of the set picks the slot, and has its limit.
    let set = case.get(..90).unwrap_or(case);
    SharedFixture::new(Arc::new(store)).with_set(set).with_reopen(Box::new(move |_| {
        let config = config.clone();
        Box::pin(async move {
            let again: Arc<dyn SharedIds> = Arc::new(RedisStore::open(config).await.unwrap());
            again
        })
    }))
}
