//! Two clusters, each behind a proxy, and a topic full of records.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use velostream_testkit::load::{LoadPlan, create_topic, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, Side};
use velostream_testkit::proxy::Observer;
use velostream_testkit::services::ClusterOptions;

/// The topic that every job of the suite replicates, each to a topic of its own.
pub(crate) const TOPIC: &str = "orders";
pub(crate) const PARTITIONS: i32 = 6;
pub(crate) const RECORDS: u64 = 18_000;

pub(crate) struct Stage {
    pub(crate) observer: Arc<Observer>,
    /// The source of all jobs, formatted with transaction.version 0: also the sink of jobs about the protocol before
    /// KIP-890.
    pub(crate) old: Side,
    /// transaction.version 2.
    pub(crate) new: Side,
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        let observer = Observer::new();
        let options = vec![
            ClusterOptions::for_test("network-old").transaction_version(0),
            ClusterOptions::for_test("network-new"),
        ];
        let mut sides = Side::start_all(options, &observer)?;
        let (new, old) = sides.pop().zip(sides.pop()).context("two sides")?;
        create_topic(&old.direct, TOPIC, PARTITIONS, &NO_EXPIRY)?;
        let plan = LoadPlan { batch_bytes: 4 << 10, ..LoadPlan::realistic(TOPIC, PARTITIONS, RECORDS, 61) };
        produce(&old.direct, &plan)?;
        Ok(Self { observer, old, new })
    }
}
