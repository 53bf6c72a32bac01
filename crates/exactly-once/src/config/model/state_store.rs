//! Where the state of a job is kept.

use std::path::{Path, PathBuf};

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_core::DurabilityClass;

use super::dynamodb_state::DynamoDbStateConfig;
use super::format::not_empty;
use super::postgres_state::PostgresStateConfig;
use super::redis_state::RedisStateConfig;

/// Where the state of a job is kept that its sink does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StateStoreConfig {
    /// A file of this host.
    Redb(#[garde(dive)] RedbStateConfig),
    /// Memory of the process: ids are rebuilt from the source at each start.
    Memory(#[garde(skip)] MemoryStateConfig),
    /// Redis or Valkey.
    Redis(#[garde(dive)] RedisStateConfig),
    /// PostgreSQL or CockroachDB.
    Postgres(#[garde(dive)] PostgresStateConfig),
    /// A DynamoDB table.
    #[serde(rename = "dynamodb")]
    DynamoDb(#[garde(dive)] DynamoDbStateConfig),
}

impl StateStoreConfig {
    /// How much it may lose, as the job file claims; checked against the server at start.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        match self {
            Self::Redb(_) => DurabilityClass::Restart,
            Self::Memory(_) => DurabilityClass::Process,
            Self::Redis(redis) => redis.class(),
            Self::Postgres(postgres) => postgres.class(),
            Self::DynamoDb(dynamodb) => dynamodb.class(),
        }
    }

    /// Its key in the job file.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Redb(_) => "redb",
            Self::Memory(_) => "memory",
            Self::Redis(_) => "redis",
            Self::Postgres(_) => "postgres",
            Self::DynamoDb(_) => "dynamodb",
        }
    }

    /// True where jobs can take ids from one set.
    #[must_use]
    pub const fn offers_shared_ids(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Postgres(_))
    }

    /// True where workers on several hosts can reach it, so that no lock of one host keeps them apart.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Postgres(_) | Self::DynamoDb(_))
    }
}

/// A file of this host. One process has it open at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedbStateConfig {
    /// The file; its directory must exist.
    #[garde(custom(|path: &String, ctx: &()| not_empty(path, ctx)))]
    path: String,
}

/// Memory of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryStateConfig {}

impl RedbStateConfig {
    /// The file `path`.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }
}

/// File of the default store, below the job's directory: one for all workers of a host, because the ids of a job belong
/// to one worker.
pub(crate) fn default_path(job_dir: &Path) -> PathBuf {
    job_dir.join("state.redb")
}
