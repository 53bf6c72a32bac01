//! Which broker coordinates what.

use anyhow::Result;
use velostream_kafka_client::{Cluster, Config, CoordinatorKind};

/// The broker that coordinates the group of a job.
pub(crate) fn of_group(bootstrap: &str, job: &str) -> Result<u32> {
    find(bootstrap, CoordinatorKind::Group, &format!("velostream.{job}"))
}

/// The broker that coordinates the transactions of a worker's first lane.
pub(crate) fn of_lane(bootstrap: &str, job: &str, instance: &str) -> Result<u32> {
    find(bootstrap, CoordinatorKind::Transaction, &format!("velostream.{job}.{instance}.0"))
}

fn find(bootstrap: &str, kind: CoordinatorKind, key: &str) -> Result<u32> {
    let servers = bootstrap.split(',').map(str::to_owned).collect();
    let config = Config { bootstrap_servers: servers, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async { Cluster::connect(config).await?.coordinator(kind, key).await })?;
    Ok(u32::try_from(found.0)?)
}
