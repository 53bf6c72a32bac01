//! State in Amazon DynamoDB.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_core::DurabilityClass;

use super::duration;
use super::secret::{Secret, not_empty};
use super::store_class::StoreClass;

/// State in one DynamoDB table: `dynamodb: { table: velostream }`. `velostream state init` makes the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DynamoDbStateConfig {
    /// The table, `[a-zA-Z0-9_.-]{3,255}`.
    #[garde(skip)]
    pub table: String,
    /// The region to write in. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub region: Option<String>,
    /// Where to connect instead of the region's own endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub endpoint_url: Option<String>,
    /// Keys to sign with. Default: the chain of the AWS tools (environment, profile, web identity, container, instance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub credentials: Option<AwsCredentials>,
    /// How the table is spread over regions. Default `one`.
    #[serde(default)]
    #[garde(skip)]
    pub regions: TableRegions,
    /// What is claimed of it. Default: what `regions` gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub class: Option<StoreClass>,
    /// Longest time for a connection. Default 3 s.
    #[serde(default = "connect_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub connect_timeout: Duration,
    /// Longest time of one request with its answer. Default 10 s.
    #[serde(default = "request_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub request_timeout: Duration,
}

/// Keys to sign with; each from a variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AwsCredentials {
    /// The access key's id.
    #[garde(custom(not_empty))]
    pub access_key_id: Secret,
    /// The secret.
    #[garde(custom(not_empty))]
    pub secret_access_key: Secret,
    /// The token of temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(not_empty)))]
    pub session_token: Option<Secret>,
}

/// How a table is spread over regions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TableRegions {
    /// A table of one region. Class G2.
    #[default]
    One,
    /// A global table with eventual consistency (MREC). Class G1: every worker writes in its home region.
    Eventual(HomeRegion),
    /// A global table with strong consistency (MRSC). Class G3.
    Strong(StrongRegions),
}

/// Where every worker writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HomeRegion {
    /// The region.
    pub home: String,
}

/// Three regions, or two and a witness.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StrongRegions {
    /// The regions with a replica.
    pub replicas: Vec<String>,
    /// The region that only witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

impl DynamoDbStateConfig {
    /// The defaults for this table.
    #[must_use]
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            region: None,
            endpoint_url: None,
            credentials: None,
            regions: TableRegions::default(),
            class: None,
            connect_timeout: connect_timeout(),
            request_timeout: request_timeout(),
        }
    }

    /// What is claimed of it.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        match (self.class, &self.regions) {
            (Some(class), _) => class.durability(),
            (None, TableRegions::One) => DurabilityClass::Zone,
            (None, TableRegions::Eventual(_)) => DurabilityClass::AsyncReplica,
            (None, TableRegions::Strong(_)) => DurabilityClass::Region,
        }
    }
}

const fn connect_timeout() -> Duration {
    Duration::from_secs(3)
}

const fn request_timeout() -> Duration {
    Duration::from_secs(10)
}
