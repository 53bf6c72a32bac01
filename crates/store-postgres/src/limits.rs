//! What a call may hold.

use std::collections::BTreeMap;

use velostream_core::{NotAdmitted, Put, RootWrite, SharedId};

use crate::Dialect;

/// Most puts in one commit.
pub(crate) const MAX_PUTS: usize = 1024;

/// Largest value in bytes.
pub(crate) const fn max_value_bytes(dialect: Dialect) -> usize {
    match dialect {
        // The server takes 1 GB; a root or a chunk of this size is a mistake.
        Dialect::PostgreSql => 16 * 1024 * 1024,
        // "Keep values below 1 MB" (CockroachDB documentation, BYTES).
        Dialect::CockroachDb => 1024 * 1024,
    }
}

/// Largest statement in bytes: an array of PostgreSQL is below 1 GB; CockroachDB reads messages up to 16 MiB
/// (sql.conn.max_read_buffer_message_size).
const fn max_commit_bytes(dialect: Dialect) -> usize {
    match dialect {
        Dialect::PostgreSql => 256 * 1024 * 1024,
        Dialect::CockroachDb => 15 * 1024 * 1024,
    }
}

/// The puts by key, each once: a statement may touch a row only once, and puts that lock in one order do not deadlock.
pub(crate) fn unique<'a>(
    dialect: Dialect,
    puts: &'a [Put],
    root: &RootWrite,
) -> Result<BTreeMap<&'a str, &'a [u8]>, NotAdmitted> {
    let values = puts.iter().map(|put| (&put.key, &put.value)).chain([(&root.key, &root.value)]);
    let bytes = values.fold(0usize, |sum, (key, value)| sum.saturating_add(key.len() + value.len()));
    let limit = max_commit_bytes(dialect);
    if bytes > limit {
        return Err(NotAdmitted::TooLarge { what: "bytes of a commit", found: bytes, limit });
    }
    let mut unique = BTreeMap::new();
    for put in puts {
        let before = unique.insert(put.key.as_str(), &put.value[..]);
        if put.key == root.key || before.is_some_and(|before| before != &put.value[..]) {
            return Err(NotAdmitted::Rewritten { key: put.key.clone() });
        }
    }
    Ok(unique)
}

/// Refuses a taking whose array of ids, with 4 bytes before each, is larger than a statement.
pub(crate) fn admit_ids(dialect: Dialect, ids: &[SharedId]) -> Result<(), NotAdmitted> {
    let (found, limit) = (ids.len().saturating_mul(20), max_commit_bytes(dialect));
    fits("bytes of a taking", found, limit)
}

/// Refuses a note that is larger than a value.
pub(crate) fn admit_note(dialect: Dialect, note: &[u8]) -> Result<(), NotAdmitted> {
    fits("bytes of a note", note.len(), max_value_bytes(dialect))
}

const fn fits(what: &'static str, found: usize, limit: usize) -> Result<(), NotAdmitted> {
    if found > limit { Err(NotAdmitted::TooLarge { what, found, limit }) } else { Ok(()) }
}
