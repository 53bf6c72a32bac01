//! The statements of shared ids, each a part of one transaction.
//!
//! The statements of a call are sent together, so that the server decides by itself whether they apply. The first one
//! locks the set's row and notes the transaction's own time in it; one that grants is bound to the caller's turn; all
//! that change anything look for the grant of this very transaction. Where they did not run in one, as after a `START`
//! that was cancelled, they find none. `now()` is the time of the transaction, not of the statement.

use crate::Dialect;

/// Begins the transaction of a call.
pub(crate) const fn start(dialect: Dialect) -> &'static str {
    match dialect {
        // Each statement has to see what was committed while the first one waited for its lock.
        Dialect::PostgreSql => "START TRANSACTION ISOLATION LEVEL READ COMMITTED",
        Dialect::CockroachDb => "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    }
}

/// Ends it; after a statement that failed it undoes it.
pub(crate) const COMMIT: &str = "COMMIT";

/// The statements; everywhere $1 is the set, and $2 the member where there is one.
#[derive(Debug)]
pub(crate) struct SharedSql {
    pub(crate) member: String,
    pub(crate) members: String,
    pub(crate) lock: String,
    pub(crate) standing: String,
    /// $3 to $5 turn.
    pub(crate) join: String,
    /// $3 to $5 turn, $6 to $8 turn that it replaces.
    pub(crate) replace: String,
    /// $3 to $5 turn.
    pub(crate) grant: String,
    /// $3 to $5 turn; the set shrinks by what the member holds.
    pub(crate) grant_release: String,
    /// $3 to $5 turn, $6 ids; rows of ids that are known, and one of the new total where it is granted.
    pub(crate) grant_take: String,
    pub(crate) grant_leave: String,
    /// $2 time.
    pub(crate) grant_expire: String,
    /// $3 ids, $4 time.
    pub(crate) take: String,
    /// $3 note.
    pub(crate) promise: String,
    /// $3 number of the next turn, $4 note or null.
    pub(crate) settle: String,
    /// $3 time.
    pub(crate) deliver: String,
    pub(crate) release: String,
    pub(crate) leave: String,
    /// $2 time.
    pub(crate) expire: String,
    pub(crate) oldest: String,
}

impl SharedSql {
    pub(crate) fn new(schema: &str) -> Self {
        let [set, member, id] = TABLES.map(|table| format!("\"{schema}\".{table}"));
        let here = format!("EXISTS (SELECT 1 FROM {set} WHERE name = $1 AND begun = now())");
        let granted = format!("EXISTS (SELECT 1 FROM {set} WHERE name = $1 AND granted AND begun = now())");
        let grant = |changes: &str| {
            format!("UPDATE {set} SET granted = true{changes} WHERE name = $1 AND begun = now()")
        };
        let turn = format!(
            "EXISTS (SELECT 1 FROM {member} WHERE set_name = $1 AND name = $2 AND epoch = $3 AND nonce = $4 AND number = $5)"
        );
        let without = |which: &str| {
            format!(", total = total - (SELECT count(*) FROM {id} WHERE set_name = $1 AND {which})")
        };
        let taken = ", total = total + (SELECT count(*) FROM asked) - (SELECT count(*) FROM found)";
        Self {
            member: format!(
                "SELECT epoch, nonce, number, settled, promised, \
                 (SELECT count(*) FROM {id} WHERE set_name = $1 AND holder = $2) \
                 FROM {member} WHERE set_name = $1 AND name = $2"
            ),
            members: format!("SELECT name FROM {member} WHERE set_name = $1 ORDER BY name"),
            lock: format!(
                "INSERT INTO {set} (name, total, begun, granted) VALUES ($1, 0, now(), false) \
                 ON CONFLICT (name) DO UPDATE SET begun = excluded.begun, granted = false"
            ),
            standing: format!("SELECT epoch, nonce, number FROM {member} WHERE set_name = $1 AND name = $2"),
            join: format!(
                "INSERT INTO {member} (set_name, name, epoch, nonce, number) SELECT $1, $2, $3, $4, $5 WHERE {here} \
                 ON CONFLICT (set_name, name) DO NOTHING RETURNING number"
            ),
            replace: format!(
                "UPDATE {member} SET epoch = $3, nonce = $4, number = $5 WHERE set_name = $1 AND name = $2 \
                 AND epoch = $6 AND nonce = $7 AND number = $8 AND {here} RETURNING number"
            ),
            grant: format!("{} AND {turn}", grant("")),
            grant_release: format!("{} AND {turn}", grant(&without("holder = $2"))),
            // The limit makes a look into the index of each id: without statistics the server would read the whole set.
            grant_take: format!(
                "WITH asked AS (SELECT DISTINCT n.id FROM unnest($6) AS n(id)), \
                 found AS (SELECT a.id, i.holder, i.at_ms FROM asked a CROSS JOIN LATERAL \
                 (SELECT s.holder, s.at_ms FROM {id} s WHERE s.set_name = $1 AND s.id = a.id LIMIT 1) AS i), \
                 grants AS ({} AND {turn} AND NOT EXISTS (SELECT 1 FROM found WHERE holder <> $2) RETURNING total) \
                 SELECT id, holder, at_ms, NULL::bigint FROM found \
                 UNION ALL SELECT NULL::bytea, NULL::text, NULL::bigint, total FROM grants",
                grant(taken)
            ),
            grant_leave: grant(&without("holder = $2")),
            grant_expire: format!("{} RETURNING total", grant(&without("at_ms <= $2"))),
            take: format!(
                "INSERT INTO {id} AS i (set_name, id, holder) SELECT $1, n.id, $2 \
                 FROM (SELECT DISTINCT id FROM unnest($3) AS u(id)) AS n WHERE {granted} \
                 ON CONFLICT (set_name, id) DO UPDATE SET holder = excluded.holder, at_ms = NULL WHERE i.at_ms <= $4"
            ),
            promise: format!(
                "UPDATE {member} SET promised = $3 WHERE set_name = $1 AND name = $2 AND {granted}"
            ),
            settle: format!(
                "UPDATE {member} SET number = $3, promised = NULL, settled = COALESCE($4, settled) \
                 WHERE set_name = $1 AND name = $2 AND {granted}"
            ),
            deliver: format!(
                "UPDATE {id} SET holder = NULL, at_ms = $3 WHERE set_name = $1 AND holder = $2 AND {granted}"
            ),
            release: format!("DELETE FROM {id} WHERE set_name = $1 AND holder = $2 AND {granted}"),
            leave: format!("DELETE FROM {member} WHERE set_name = $1 AND name = $2 AND {granted}"),
            expire: format!(
                "WITH removed AS (DELETE FROM {id} WHERE set_name = $1 AND at_ms <= $2 AND {granted} RETURNING 1) \
                 SELECT count(*) FROM removed"
            ),
            oldest: format!("SELECT min(at_ms) FROM {id} WHERE set_name = $1 AND at_ms IS NOT NULL"),
        }
    }

    #[cfg(test)]
    pub(crate) fn all(self) -> Vec<String> {
        let Self { member, members, lock, standing, join, replace, grant, grant_release, grant_take, .. } =
            self;
        let Self { grant_leave, grant_expire, take, promise, settle, deliver, release, .. } = self;
        let Self { leave, expire, oldest, .. } = self;
        let mut all = vec![member, members, lock, standing, join, replace, grant, grant_release, grant_take];
        all.extend([
            grant_leave,
            grant_expire,
            take,
            promise,
            settle,
            deliver,
            release,
            leave,
            expire,
            oldest,
        ]);
        all.extend([Dialect::PostgreSql, Dialect::CockroachDb].map(|dialect| start(dialect).to_owned()));
        all.push(COMMIT.to_owned());
        all
    }
}

/// Sets, their members, their ids.
const TABLES: [&str; 3] = ["shared_set", "shared_member", "shared_id"];

/// The tables of shared ids. Each statement may be repeated.
pub(crate) fn migration(schema: &str, collation: &str) -> Vec<String> {
    let [set, member, id] = TABLES.map(|table| format!("\"{schema}\".{table}"));
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {set} (name text{collation} PRIMARY KEY, total bigint NOT NULL, \
             begun timestamptz NOT NULL, granted boolean NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {member} (set_name text{collation} NOT NULL, name text{collation} NOT NULL, \
             epoch bigint NOT NULL, nonce bigint NOT NULL, number bigint NOT NULL, settled bytea, promised bytea, \
             PRIMARY KEY (set_name, name))"
        ),
        // Either held or dated.
        format!(
            "CREATE TABLE IF NOT EXISTS {id} (set_name text{collation} NOT NULL, id bytea NOT NULL, \
             holder text{collation}, at_ms bigint, PRIMARY KEY (set_name, id))"
        ),
        format!(
            "CREATE INDEX IF NOT EXISTS shared_id_held ON {id} (set_name, holder) WHERE holder IS NOT NULL"
        ),
        format!(
            "CREATE INDEX IF NOT EXISTS shared_id_dated ON {id} (set_name, at_ms) WHERE at_ms IS NOT NULL"
        ),
    ]
}
