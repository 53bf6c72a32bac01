//! What a call may hold.

use std::collections::BTreeMap;

use velostream_core::{Put, RootWrite};

use crate::{Dialect, Error};

/// Longest key in bytes; see [`Put`].
const MAX_KEY_BYTES: usize = 512;

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

pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-');
    match !key.is_empty() && key.len() <= MAX_KEY_BYTES && key.bytes().all(allowed) {
        true => Ok(()),
        false => Err(Error::Key { key: key.to_owned() }),
    }
}

/// The puts by key, each once: a statement may touch a row only once, and puts that lock in one order do not deadlock.
pub(crate) fn check<'a>(
    dialect: Dialect,
    puts: &'a [Put],
    root: &RootWrite,
) -> Result<BTreeMap<&'a str, &'a [u8]>, Error> {
    let too_large = |what, found, limit| Err(Error::TooLarge { what, found, limit });
    if puts.len() > MAX_PUTS {
        return too_large("puts", puts.len(), MAX_PUTS);
    }
    let mut bytes = 0usize;
    let values = puts.iter().map(|put| (&put.key, &put.value)).chain([(&root.key, &root.value)]);
    for (key, value) in values {
        check_key(key)?;
        if value.len() > max_value_bytes(dialect) {
            return too_large("bytes of a value", value.len(), max_value_bytes(dialect));
        }
        bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
    }
    if bytes > max_commit_bytes(dialect) {
        return too_large("bytes of a commit", bytes, max_commit_bytes(dialect));
    }
    let mut unique = BTreeMap::new();
    for put in puts {
        let before = unique.insert(put.key.as_str(), &put.value[..]);
        if put.key == root.key || before.is_some_and(|before| before != &put.value[..]) {
            return Err(Error::Rewritten { key: put.key.clone() });
        }
    }
    Ok(unique)
}
