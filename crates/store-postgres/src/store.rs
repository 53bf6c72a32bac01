//! The store as the ledger sees it.

mod shared_ids;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use velostream_core::{
    ConditionalStore, DurabilityClass, NotAdmitted, Outcome, Put, Result, RootWrite, StoreGuarantees,
    Versioned,
};
use velostream_envelope::entry::next_version;

use crate::attest::{self, Settings};
use crate::codec::{checksum, column, decode};
use crate::limits::{MAX_PUTS, max_value_bytes, unique};
use crate::session::{Effect, Server};
use crate::sql::{GOAL, ISOLATION, PING, REGIONS, SETTINGS, Sql};
use crate::{Dialect, Error, PostgresConfig, migrate};

/// How often a commit looks again after other writers came in between.
const LOOKS: usize = 8;

/// A conditional store in one schema of a PostgreSQL or CockroachDB database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct PostgresStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: PostgresConfig,
    server: Server,
    sql: Sql,
}

impl PostgresStore {
    /// Connects and checks that the tables are there; [`migrate`](crate::migrate) makes them.
    ///
    /// # Errors
    /// `Config`, `Authorities`, `NotMigrated`, `NewerVersion` -> Reject; `Connect`, `ConnectSlow` -> Retry, but
    /// refused credentials -> Reject.
    pub async fn open(config: PostgresConfig) -> Result<Self> {
        config.validate()?;
        let server = Server::new(&config)?;
        let sql = Sql::new(&config.schema);
        migrate::check(&server, &sql, &config.schema).await?;
        Ok(Self(Arc::new(Shared { config, server, sql })))
    }
}

impl Shared {
    async fn read(&self, keys: &[&str]) -> Result<BTreeMap<String, Versioned>, Error> {
        const CALL: &str = "read";
        let rows =
            self.server.query(CALL, Effect::Reads, &self.sql.read, &[(&keys, Type::TEXT_ARRAY)]).await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let key: String = get(row, 0, CALL)?;
            let decoded = decode(&key, get(row, 1, CALL)?, get(row, 2, CALL)?, get(row, 3, CALL)?);
            let value = decoded.ok_or_else(|| Error::CorruptValue { key: key.clone() })?;
            found.insert(key, value);
        }
        Ok(found)
    }

    async fn commit(&self, puts: &BTreeMap<&str, &[u8]>, root: &RootWrite) -> Result<Outcome, Error> {
        const CALL: &str = "commit";
        let version = next_version(root.expected, &root.value);
        let expected = root.expected.map(column);
        let entries = || puts.iter().map(|(key, value)| (*key, next_version(None, value), *value));
        let all = || entries().chain([(root.key.as_str(), version, &root.value[..])]);
        let keys: Vec<&str> = all().map(|(key, ..)| key).collect();
        let versions: Vec<i64> = all().map(|(_, version, _)| column(version)).collect();
        let checksums: Vec<i64> = all().map(|(key, version, value)| checksum(key, version, value)).collect();
        let values: Vec<&[u8]> = all().map(|(.., value)| value).collect();
        for _ in 0..LOOKS {
            let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 6] = [
                (&root.key, Type::TEXT),
                (&expected, Type::INT8),
                (&keys, Type::TEXT_ARRAY),
                (&versions, Type::INT8_ARRAY),
                (&checksums, Type::INT8_ARRAY),
                (&values, Type::BYTEA_ARRAY),
            ];
            let written = self.server.query(CALL, Effect::Changes, &self.sql.commit, &parameters).await;
            let rows: i64 = match written {
                Ok(rows) => rows.first().map_or(Ok(0), |row| get(row, 0, CALL))?,
                Err(error) if error.is_unexpected_row() => 0,
                Err(error) => return Err(error),
            };
            if rows > 0 {
                return Ok(Outcome::Applied(version));
            }
            // Nothing of it was applied; the rare case pays a second trip to learn what stands.
            let mut found = self.read(&keys).await?;
            let current = found.remove(&root.key);
            match current {
                current if current.as_ref().map(|current| current.version) != root.expected => {
                    return Ok(Outcome::unexpected(current, root));
                }
                // The root is as expected, so that a put is not, or the root was changed there and back.
                _ => refuse_rewriting(puts, &found)?,
            }
        }
        Err(Error::Contended { call: CALL })
    }

    async fn attest_postgres(&self, claimed: DurabilityClass) -> Result<(), Error> {
        const CALL: &str = "attest";
        let schema = &self.config.schema;
        let rows = self.server.query(CALL, Effect::Reads, SETTINGS, &[(schema, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Err(Error::NotMigrated { schema: schema.clone() }) };
        let found = Settings {
            in_recovery: get(row, 0, CALL)?,
            synchronous_commit: get(row, 1, CALL)?,
            synchronous_standby_names: get(row, 2, CALL)?,
            fsync: get(row, 3, CALL)?,
            full_page_writes: get(row, 4, CALL)?,
            logged: get(row, 5, CALL)?,
        };
        attest::postgres(claimed, &self.config.remote_standbys, &found)
    }

    async fn attest_cockroach(&self, claimed: DurabilityClass) -> Result<(), Error> {
        attest::isolation(claimed, &self.first::<String>(ISOLATION).await?)?;
        if self.config.survival_goal.is_none() {
            return Ok(());
        }
        let goal = self.first::<Option<String>>(GOAL).await?.unwrap_or_default();
        attest::survival(claimed, &goal.to_lowercase(), self.first(REGIONS).await?)
    }

    /// The only value of a statement that gives one.
    async fn first<T: for<'a> FromSql<'a>>(&self, sql: &str) -> Result<T, Error> {
        const CALL: &str = "attest";
        let rows = self.server.query(CALL, Effect::Reads, sql, &[]).await?;
        let nothing = || Error::Weak {
            claimed: self.config.class,
            setting: "the server does not say what it keeps".into(),
        };
        get(rows.first().ok_or_else(nothing)?, 0, CALL)
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize, call: &'static str) -> Result<T, Error> {
    row.try_get(index).map_err(|source| Error::Statement { call, changes: false, source })
}

fn refuse_rewriting(puts: &BTreeMap<&str, &[u8]>, found: &BTreeMap<String, Versioned>) -> Result<(), Error> {
    let differs =
        |(key, value): &(&&str, &&[u8])| found.get(**key).is_some_and(|held| held.value[..] != ***value);
    match puts.iter().find(differs) {
        Some((key, _)) => Err(NotAdmitted::Rewritten { key: (*key).to_owned() }.into()),
        None => Ok(()),
    }
}

#[async_trait]
impl ConditionalStore for PostgresStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.guarantees().admit_keys(keys)?;
        let found = self.0.read(keys).await?;
        Ok(keys.iter().map(|key| found.get(*key).cloned()).collect())
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.guarantees().admit(puts, &root)?;
        let puts = unique(self.0.config.dialect, puts, &root)?;
        Ok(self.0.commit(&puts, &root).await?)
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.guarantees().admit_keys(keys)?;
        let parameters = [(&keys as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT_ARRAY)];
        self.0.server.query("delete", Effect::Changes, &self.0.sql.delete, &parameters).await?;
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        // No character of a key is above `z`.
        let (end, after) = (format!("{prefix}~"), after.unwrap_or_default());
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] =
            [(&prefix, Type::TEXT), (&end, Type::TEXT), (&after, Type::TEXT), (&max, Type::INT8)];
        let rows = self.0.server.query("list", Effect::Reads, &self.0.sql.list, &parameters).await?;
        Ok(rows.iter().map(|row| get(row, 0, "list")).collect::<Result<_, Error>>()?)
    }

    fn guarantees(&self) -> StoreGuarantees {
        let config = &self.0.config;
        StoreGuarantees {
            class: config.class,
            // A standby that lags and takes over goes back to what was.
            linearizable: config.class != DurabilityClass::AsyncReplica,
            shared: true,
            max_value_bytes: max_value_bytes(config.dialect),
            max_puts: MAX_PUTS,
        }
    }

    async fn attest(&self) -> Result<()> {
        let claimed = self.0.config.class;
        match self.0.config.dialect {
            Dialect::PostgreSql => self.0.attest_postgres(claimed).await?,
            Dialect::CockroachDb => self.0.attest_cockroach(claimed).await?,
        }
        Ok(())
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        const CALL: &str = "health check";
        let answer =
            tokio::time::timeout(deadline, self.0.server.query(CALL, Effect::Reads, PING, &[])).await;
        answer.unwrap_or(Err(Error::Slow { call: CALL, limit_ms: deadline.as_millis() }))?;
        Ok(())
    }
}
