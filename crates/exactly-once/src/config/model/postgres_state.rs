//! State in PostgreSQL or CockroachDB.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_core::DurabilityClass;

use super::duration;
use super::secret::{Secret, url_of};
use super::store_class::StoreClass;

/// State in PostgreSQL or CockroachDB: `postgres: { url: "${STATE_URL}" }`. `velostream state init` makes the tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PostgresStateConfig {
    /// `postgresql://user:password@host1,host2/database`; from a variable, since it holds a password. Of several hosts the
    /// one that takes writes is used.
    #[garde(custom(url_of(&["postgresql", "postgres"], "\"${STATE_URL}\", which is postgresql://user:password@host/database")))]
    pub url: Secret,
    /// Which server. Default `postgresql`.
    #[serde(default)]
    #[garde(skip)]
    pub dialect: PostgresDialect,
    /// Schema of the tables. Default `velostream`.
    #[serde(default = "schema")]
    #[garde(skip)]
    pub schema: String,
    /// Encryption. Default `off`.
    #[serde(default)]
    #[garde(skip)]
    pub tls: PostgresTls,
    /// What is claimed of it and checked at start. Default `G0d`: a single server.
    #[serde(default = "class")]
    #[garde(skip)]
    pub class: StoreClass,
    /// PostgreSQL, class G3: the names in `synchronous_standby_names` that stand in another region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub remote_standbys: Vec<String>,
    /// CockroachDB: the goal that the database has; needed for G2 and G3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub survival_goal: Option<SurvivalGoal>,
    /// Longest time for a connection. Default 5 s.
    #[serde(default = "connect_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub connect_timeout: Duration,
    /// Longest time for the answer of a statement. Default 10 s.
    #[serde(default = "statement_timeout", with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub statement_timeout: Duration,
}

/// Which server speaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PostgresDialect {
    /// PostgreSQL 13 or newer.
    #[default]
    PostgreSql,
    /// CockroachDB under SERIALIZABLE, its default.
    CockroachDb,
}

/// Encryption of the connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PostgresTls {
    /// None.
    #[default]
    Off,
    /// Always, with the server's certificate checked.
    Verify(VerifyTls),
}

/// Who may have signed the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifyTls {
    /// File of the authorities in PEM. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// What a CockroachDB database survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SurvivalGoal {
    /// `SURVIVE ZONE FAILURE`.
    Zone,
    /// `SURVIVE REGION FAILURE`.
    Region,
}

impl PostgresStateConfig {
    /// The defaults for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url),
            dialect: PostgresDialect::default(),
            schema: schema(),
            tls: PostgresTls::default(),
            class: class(),
            remote_standbys: Vec::new(),
            survival_goal: None,
            connect_timeout: connect_timeout(),
            statement_timeout: statement_timeout(),
        }
    }

    /// What is claimed of it.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        self.class.durability()
    }
}

fn schema() -> String {
    "velostream".to_owned()
}

const fn class() -> StoreClass {
    StoreClass::Restart
}

const fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

const fn statement_timeout() -> Duration {
    Duration::from_secs(10)
}
