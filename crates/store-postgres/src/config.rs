//! Where the server is and what is asked of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use velostream_core::DurabilityClass;

use crate::Error;

/// Which server speaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// PostgreSQL 13 or newer.
    #[default]
    PostgreSql,
    /// CockroachDB under SERIALIZABLE, its default.
    CockroachDb,
}

/// Encryption of the connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// None.
    #[default]
    Off,
    /// Always, with the server's certificate checked against its name.
    Verify {
        /// File of the authorities in PEM; `None` takes those of the system.
        ca_file: Option<PathBuf>,
    },
}

/// What a CockroachDB database survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurvivalGoal {
    /// `SURVIVE ZONE FAILURE`: class G2.
    Zone,
    /// `SURVIVE REGION FAILURE`, three regions or more: class G3.
    Region,
}

impl SurvivalGoal {
    pub(crate) const fn class(self) -> DurabilityClass {
        match self {
            Self::Zone => DurabilityClass::Zone,
            Self::Region => DurabilityClass::Region,
        }
    }
}

/// Settings of a store. Its `Debug` leaves the URL out, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// `postgresql://user:password@host1,host2/database`. With several hosts the one that takes writes is used.
    pub url: String,
    /// Schema of the tables, `[a-z_][a-z0-9_]{0,62}`. Default `velostream`.
    pub schema: String,
    /// Which server. Default PostgreSQL.
    pub dialect: Dialect,
    /// Encryption. Default none.
    pub tls: Tls,
    /// The class that is claimed and attested. Default G0d, what a single server keeps.
    pub class: DurabilityClass,
    /// Longest time to wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest time to wait for the answer of a statement. Default 10 s.
    pub statement_timeout: Duration,
    /// Most connections. Default 4.
    pub connections: usize,
    /// PostgreSQL, class G3: the names in `synchronous_standby_names` that stand in another region.
    pub remote_standbys: Vec<String>,
    /// CockroachDB: the goal that the database must have; needed for the classes G2 and G3.
    pub survival_goal: Option<SurvivalGoal>,
}

impl PostgresConfig {
    /// The defaults for this server.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "velostream".into(),
            dialect: Dialect::PostgreSql,
            tls: Tls::Off,
            class: DurabilityClass::Restart,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            connections: 4,
            remote_standbys: Vec::new(),
            survival_goal: None,
        }
    }

    /// Checks what can be checked without the server.
    ///
    /// # Errors
    /// `Config` -> Reject, with the setting and the reason.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |setting, why| Err(Error::Config { setting, why });
        if !is_schema(&self.schema) {
            return refuse("schema", "a schema is named by [a-z_][a-z0-9_]{0,62}");
        }
        if self.connections == 0 {
            return refuse("connections", "at least one is needed");
        }
        if self.connect_timeout.is_zero() || self.statement_timeout.is_zero() {
            return refuse("timeouts", "nothing answers in no time");
        }
        if self.class == DurabilityClass::Process {
            return refuse("class", "G0 is lost with the process; a server keeps at least G0d");
        }
        match self.dialect {
            Dialect::PostgreSql if self.survival_goal.is_some() => refuse(
                "survival_goal",
                "only CockroachDB has survival goals; name the remote standbys instead",
            ),
            Dialect::PostgreSql
                if self.class == DurabilityClass::Region && self.remote_standbys.is_empty() =>
            {
                refuse("remote_standbys", "G3 needs synchronous standbys in another region, by name")
            }
            Dialect::CockroachDb if !self.remote_standbys.is_empty() => {
                refuse("remote_standbys", "CockroachDB has no standbys; set a survival goal")
            }
            Dialect::CockroachDb if self.class == DurabilityClass::AsyncReplica => {
                refuse("class", "CockroachDB has no asynchronous replicas of its own ranges; claim G2 or G3")
            }
            Dialect::CockroachDb if self.class >= DurabilityClass::Zone => match self.survival_goal {
                Some(goal) if goal.class() >= self.class => Ok(()),
                Some(_) => refuse("survival_goal", "SURVIVE ZONE FAILURE does not survive a region (G3)"),
                None => refuse("survival_goal", "G2 and G3 need the goal that the database has"),
            },
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("schema", &self.schema)
            .field("dialect", &self.dialect)
            .field("tls", &self.tls)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

fn is_schema(name: &str) -> bool {
    let (mut bytes, start) = (name.bytes(), |b: u8| b.is_ascii_lowercase() || b == b'_');
    name.len() <= 63 && bytes.next().is_some_and(start) && bytes.all(|b| start(b) || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut PostgresConfig)) -> &'static str {
        let mut config = PostgresConfig::new("postgresql://u:CANARY@h/d");
        change(&mut config);
        assert!(!format!("{config:?}").contains("CANARY"));
        match config.validate() {
            Err(Error::Config { setting, .. }) => setting,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn config_that_cannot_hold_is_refused_with_its_setting() {
        PostgresConfig::new("postgresql://h/d").validate().unwrap();
        for schema in ["", "A", "1a", "a\"b", "a b", &"a".repeat(64)] {
            assert_eq!(refused(|c| c.schema = schema.into()), "schema", "{schema}");
        }
        assert_eq!(refused(|c| c.connections = 0), "connections");
        assert_eq!(refused(|c| c.statement_timeout = Duration::ZERO), "timeouts");
        assert_eq!(refused(|c| c.class = DurabilityClass::Process), "class");
        assert_eq!(refused(|c| c.class = DurabilityClass::Region), "remote_standbys");
        assert_eq!(refused(|c| c.survival_goal = Some(SurvivalGoal::Zone)), "survival_goal");
    }

    #[test]
    fn cockroachdb_class_needs_the_goal_that_gives_it() {
        let cockroach = |class, goal| {
            move |c: &mut PostgresConfig| {
                c.dialect = Dialect::CockroachDb;
                c.class = class;
                c.survival_goal = goal;
            }
        };
        assert_eq!(refused(cockroach(DurabilityClass::Zone, None)), "survival_goal");
        assert_eq!(refused(cockroach(DurabilityClass::Region, Some(SurvivalGoal::Zone))), "survival_goal");
        assert_eq!(refused(cockroach(DurabilityClass::AsyncReplica, None)), "class");
        let mut config = PostgresConfig::new("postgresql://h/d");
        cockroach(DurabilityClass::Region, Some(SurvivalGoal::Region))(&mut config);
        config.validate().unwrap();
        config.remote_standbys = vec!["a".into()];
        assert!(config.validate().is_err());
    }
}
