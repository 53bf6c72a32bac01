//! State in Redis or Valkey.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_core::DurabilityClass;

use super::duration;
use super::redis_tls::RedisTls;
use super::redis_topology::RedisTopology;
use super::secret::{Secret, url_of};

/// State in Redis or Valkey: `redis: { url: "${REDIS_URL}" }`. Sentinels and clusters: `topology`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisStateConfig {
    /// `redis://user:password@host:6379`, encrypted as `rediss://`; from a variable, since it holds a password. Behind
    /// sentinels the host is the name under which they watch the servers; of a cluster it is any one server.
    #[garde(custom(url_of(&["redis", "rediss"], "\"${REDIS_URL}\", which is redis://user:password@host:6379")))]
    pub url: Secret,
    /// Which servers there are. Default `one`.
    #[serde(default)]
    #[garde(dive)]
    pub topology: RedisTopology,
    /// What encrypted connections trust and show. Default: the authorities of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub tls: Option<RedisTls>,
    /// In front of every key; `[A-Za-z0-9:._-]`, at most 128 bytes. Default `velostream:`.
    #[serde(default = "prefix")]
    #[garde(skip)]
    pub prefix: String,
    /// What the server does before it answers a write; checked at start. Default `always`.
    #[serde(default)]
    #[garde(skip)]
    pub fsync: RedisFsync,
    /// Replicas that each commit waits for. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub replicas: Option<RedisReplicas>,
    /// Longest time for a connection. Default 5 s.
    #[serde(default = "connect_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub connect_timeout: Duration,
    /// Longest time for a call. Default 10 s.
    #[serde(default = "request_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub request_timeout: Duration,
}

/// What the server does before it answers a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedisFsync {
    /// `appendfsync always`: an answered write survives the end of the server. Class G0d.
    #[default]
    Always,
    /// `appendfsync everysec`: a crash loses about a second of answered writes. Class G1.
    EverySecond,
}

/// Replicas that have to have a write before it counts. It makes a loss less likely and does not exclude it: a failover
/// may choose a replica that lags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisReplicas {
    /// Their number.
    #[garde(skip)]
    pub count: u32,
    /// How long the server waits for them. Default 1 s.
    #[serde(default = "wait", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(300))))]
    pub timeout: Duration,
    /// They also have to have synced it (WAITAOF: Redis 7.2, Valkey). Default false.
    #[serde(default)]
    #[garde(skip)]
    pub synced: bool,
}

impl RedisStateConfig {
    /// The defaults for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url),
            topology: RedisTopology::default(),
            tls: None,
            prefix: prefix(),
            fsync: RedisFsync::default(),
            replicas: None,
            connect_timeout: connect_timeout(),
            request_timeout: request_timeout(),
        }
    }

    /// What is claimed of it.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        match (&self.topology, self.fsync) {
            (RedisTopology::One, RedisFsync::Always) => DurabilityClass::Restart,
            // A failover may choose a replica that lags.
            _ => DurabilityClass::AsyncReplica,
        }
    }
}

fn prefix() -> String {
    "velostream:".to_owned()
}

const fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

const fn request_timeout() -> Duration {
    Duration::from_secs(10)
}

const fn wait() -> Duration {
    Duration::from_secs(1)
}
