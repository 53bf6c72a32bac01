//! How much a state store may lose.

use serde::{Deserialize, Serialize};
use velostream_core::DurabilityClass;

/// How much a state store may lose: what is claimed is checked against the server's settings at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StoreClass {
    /// Survives a restart of its single server.
    #[serde(rename = "G0d")]
    Restart,
    /// Asynchronous replicas: a failover may lose or roll back acknowledged writes.
    #[serde(rename = "G1")]
    AsyncReplica,
    /// Linearizable, survives a node or zone.
    #[serde(rename = "G2")]
    Zone,
    /// As G2, and survives a region.
    #[serde(rename = "G3")]
    Region,
}

impl StoreClass {
    /// As the stores name it.
    #[must_use]
    pub const fn durability(self) -> DurabilityClass {
        match self {
            Self::Restart => DurabilityClass::Restart,
            Self::AsyncReplica => DurabilityClass::AsyncReplica,
            Self::Zone => DurabilityClass::Zone,
            Self::Region => DurabilityClass::Region,
        }
    }
}
