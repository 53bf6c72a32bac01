//! Where a worker answers about itself.

use std::net::SocketAddr;

use garde::Validate;
use serde::{Deserialize, Serialize};

/// Where a worker answers about itself: metrics, health, status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Address and port, for example `127.0.0.1:9464`.
    #[serde(deserialize_with = "address")]
    #[garde(skip)]
    pub listen: SocketAddr,
}

impl HttpConfig {
    /// Listens at `listen`.
    #[must_use]
    pub const fn new(listen: SocketAddr) -> Self {
        Self { listen }
    }
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| {
        serde::de::Error::custom("not an address\nwrite an IP address and a port: 127.0.0.1:9464")
    })
}
