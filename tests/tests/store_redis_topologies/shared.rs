//! Servers that all cases of the contract share, started by the first that needs them.

use std::sync::OnceLock;

use anyhow::Result;
use velostream_store_redis::Topology;
use velostream_testkit::services::{RedisCluster, RedisSentinels};

/// Where the contract is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Three Valkey primaries.
    Cluster,
    /// A Valkey primary and its replica behind three sentinels.
    Sentinel,
}

impl Place {
    pub(crate) const ALL: [(Self, &'static str); 2] =
        [(Self::Cluster, "cluster"), (Self::Sentinel, "sentinel")];
}

/// The servers.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    cluster: OnceLock<Result<RedisCluster, String>>,
    sentinels: OnceLock<Result<RedisSentinels, String>>,
}

impl Shared {
    /// How a place is reached.
    pub(crate) fn topology(&self, place: Place) -> Result<Topology, String> {
        Ok(match place {
            Place::Cluster => {
                let cluster = started(&self.cluster, || RedisCluster::start("shared", 3, false))?;
                Topology::Cluster { urls: cluster.urls() }
            }
            Place::Sentinel => {
                let sentinels = started(&self.sentinels, || RedisSentinels::start("shared"))?;
                Topology::Sentinel { sentinels: sentinels.urls(), primary: sentinels.primary_url() }
            }
        })
    }
}

fn started<T>(once: &OnceLock<Result<T, String>>, start: impl FnOnce() -> Result<T>) -> Result<&T, String> {
    once.get_or_init(|| start().map_err(|error| format!("{error:#}"))).as_ref().map_err(String::clone)
}
