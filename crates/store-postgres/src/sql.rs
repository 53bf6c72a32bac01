//! Every statement that is ever sent, for one schema.
//!
//! Each is a transaction of its own, but for those of shared ids, and goes out unnamed with its types, in one round
//! trip: nothing is kept in a session, so that a pooler may hand every transaction to another backend.

pub(crate) mod shared;

use crate::Dialect;
use shared::SharedSql;

/// The statements of a store.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) read: String,
    pub(crate) commit: String,
    pub(crate) delete: String,
    pub(crate) list: String,
    pub(crate) version: String,
    pub(crate) shared: SharedSql,
}

/// Takes a lock on nothing and touches no table.
pub(crate) const PING: &str = "SELECT 1";

/// One row: what decides about the class of a PostgreSQL server.
pub(crate) const SETTINGS: &str = "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), \
     current_setting('synchronous_standby_names'), current_setting('fsync'), current_setting('full_page_writes'), \
     (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE n.nspname = $1 AND c.relname IN ('entry', 'shared_set', 'shared_member', 'shared_id') \
      AND c.relpersistence = 'p') = 4";

/// CockroachDB and PostgreSQL both answer it.
pub(crate) const ISOLATION: &str = "SELECT current_setting('transaction_isolation')";

/// CockroachDB: the goal of the current database, `zone` or `region`.
pub(crate) const GOAL: &str = "SELECT survival_goal FROM [SHOW SURVIVAL GOAL FROM DATABASE]";

/// CockroachDB: how many regions the current database has.
pub(crate) const REGIONS: &str = "SELECT count(*) FROM [SHOW REGIONS FROM DATABASE]";

impl Sql {
    pub(crate) fn new(schema: &str) -> Self {
        let entry = format!("\"{schema}\".entry");
        Self {
            read: format!("SELECT key, version, crc, value FROM {entry} WHERE key = ANY($1)"),
            commit: commit(&entry),
            delete: format!("DELETE FROM {entry} WHERE key = ANY($1)"),
            list: format!(
                "SELECT key FROM {entry} WHERE key >= $1 AND key < $2 AND key > $3 ORDER BY key LIMIT $4"
            ),
            version: format!("SELECT version FROM \"{schema}\".format WHERE id = 1"),
            shared: SharedSql::new(schema),
        }
    }
}

/// $1 root key, $2 expected version or null, $3..$6 keys, versions, checksums and values of puts and root.
///
/// One modification of one table, since CockroachDB refuses two in a statement. The root's row stays locked until the
/// end. Where a row turns out not to be as expected, be it by a commit that came in between, its checksum becomes null,
/// which the column refuses: the whole statement is undone.
fn commit(entry: &str) -> String {
    format!(
        "WITH held AS (SELECT key FROM {entry} WHERE key = $1 AND version = $2 FOR UPDATE), \
         wrote AS (INSERT INTO {entry} AS e (key, version, crc, value) \
         SELECT n.key, n.version, n.crc, n.value FROM unnest($3, $4, $5, $6) AS n(key, version, crc, value) \
         WHERE EXISTS (SELECT 1 FROM held) \
         OR ($2 IS NULL AND NOT EXISTS (SELECT 1 FROM {entry} WHERE key = $1)) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, \
         version = CASE WHEN excluded.key = $1 THEN excluded.version ELSE e.version END, \
         crc = CASE WHEN excluded.key = $1 AND e.version = $2 THEN excluded.crc \
         WHEN excluded.key <> $1 AND e.value = excluded.value THEN e.crc END RETURNING 1) \
         SELECT count(*) FROM wrote"
    )
}

/// The tables, made or brought up to date. Each statement may be repeated.
pub(crate) fn migration(schema: &str, dialect: Dialect) -> Vec<String> {
    let collation = match dialect {
        Dialect::PostgreSql => " COLLATE \"C\"",
        // Its strings are ordered by bytes anyway.
        Dialect::CockroachDb => "",
    };
    let mut statements = vec![
        format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""),
        format!(
            "CREATE TABLE IF NOT EXISTS \"{schema}\".entry (key text{collation} PRIMARY KEY, \
             version bigint NOT NULL, crc bigint NOT NULL, value bytea NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS \"{schema}\".format (id integer PRIMARY KEY, version integer NOT NULL)"
        ),
    ];
    if dialect == Dialect::PostgreSql {
        // Ids are hashes: compressing them costs time and gains nothing.
        statements.push(format!("ALTER TABLE \"{schema}\".entry ALTER COLUMN value SET STORAGE EXTERNAL"));
    }
    statements.extend(shared::migration(schema, collation));
    statements.push(format!(
        "INSERT INTO \"{schema}\".format AS f (id, version) VALUES (1, {FORMAT}) \
         ON CONFLICT (id) DO UPDATE SET version = excluded.version WHERE f.version < excluded.version"
    ));
    statements
}

/// Version of the tables: 1 had no shared ids.
pub(crate) const FORMAT: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Session state (poolers), what CockroachDB lacks or does nothing for, and what is not logged.
    const FORBIDDEN: &[&str] = &[
        "ADVISORY",
        "LISTEN",
        "NOTIFY",
        "UNLOGGED",
        "TEMP ",
        "PREPARE",
        "DEALLOCATE",
        "SET SESSION",
        "SET LOCAL",
        "DECLARE",
        "COPY",
        "TRIGGER",
        "PROCEDURE",
        "PARTITION",
        "RANGE",
        "LOCK TABLE",
        "SKIP LOCKED",
        "CTID",
        "XMIN",
        "MERGE",
        "SAVEPOINT",
        "BEGIN",
    ];

    #[test]
    fn statements_avoid_what_poolers_and_cockroachdb_do_not_take() {
        let sql = Sql::new("velostream");
        let mut all = vec![sql.read, sql.commit, sql.delete, sql.list, sql.version];
        all.extend(sql.shared.all());
        all.extend(migration("velostream", Dialect::CockroachDb));
        all.extend([PING, ISOLATION, GOAL, REGIONS].map(str::to_owned));
        for statement in all {
            let upper = statement.to_uppercase();
            for word in FORBIDDEN {
                assert!(!upper.contains(word), "{word} in {statement}");
            }
            let changes = ["INSERT INTO", "UPDATE \"", "DELETE FROM"].map(|verb| upper.matches(verb).count());
            assert!(changes.iter().sum::<usize>() <= 1, "more than one modification: {statement}");
            assert!(!statement.contains(';'), "{statement}");
        }
    }
}
