//! Which Redis or Valkey servers there are.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::format::not_empty;
use super::secret::{Secret, url_of};

/// Which servers there are, and who of them is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedisTopology {
    /// One server.
    #[default]
    One,
    /// A primary with replicas, watched by sentinels. Class G1.
    Sentinel(#[garde(dive)] RedisSentinels),
    /// A cluster: the job's task lives on the primary of its slot. Class G1.
    Cluster(#[garde(dive)] RedisCluster),
    /// Redis Enterprise in one region: refused, with the reason.
    Enterprise,
    /// Redis Enterprise Active-Active or MemoryDB Multi-Region: refused, with the reason.
    ActiveActive,
}

/// The sentinels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisSentinels {
    /// `redis://user:password@host:26379` of each; user and password are those of the sentinels, the same for all.
    #[garde(inner(custom(url_of(&["redis", "rediss"], "redis://sentinel-1:26379"))))]
    pub urls: Vec<Secret>,
}

/// More servers of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisCluster {
    /// `host:port` of further servers, which are asked where the one in `url` does not answer; user, password and
    /// encryption are those of `url`. Default: none, the cluster itself names the others.
    #[garde(inner(custom(|node: &String, ctx: &()| is_address(node, ctx))))]
    pub nodes: Vec<String>,
}

impl RedisSentinels {
    /// The sentinels at these URLs.
    pub fn at<T: Into<String>>(urls: impl IntoIterator<Item = T>) -> Self {
        Self { urls: urls.into_iter().map(Secret::new).collect() }
    }
}

impl RedisCluster {
    /// Further servers of the cluster, each `host:port`.
    pub fn with<T: Into<String>>(nodes: impl IntoIterator<Item = T>) -> Self {
        Self { nodes: nodes.into_iter().map(Into::into).collect() }
    }
}

/// Host and port, and nothing that would be taken for another part of a URL.
fn is_address(node: &str, ctx: &()) -> garde::Result {
    not_empty(node, ctx)?;
    let port = node.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
    let foreign = |c: char| c.is_whitespace() || matches!(c, '/' | '@' | '?' | '#' | ',');
    match port.is_some_and(|port| port.parse::<u16>().is_ok()) && !node.contains(foreign) {
        true => Ok(()),
        false => Err(garde::Error::new("not an address of a server\nwrite for example redis-2:6379")),
    }
}
