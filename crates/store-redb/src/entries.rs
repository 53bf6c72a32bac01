//! Entries: the writes of a [`ConditionalStore`](velostream_core::ConditionalStore), inside a transaction of the writer.

use redb::{Table, WriteTransaction};
use velostream_core::{NotAdmitted, Outcome, Put, RootVersion, RootWrite};
use velostream_envelope::entry::{encode, next_version};

use crate::Error;
use crate::database::{ENTRIES, File};
use crate::pending::Done;

type Entries<'t> = Table<'t, &'static str, &'static [u8]>;

/// [`ConditionalStore::commit`](velostream_core::ConditionalStore::commit).
pub(crate) fn commit(
    file: &File,
    transaction: &WriteTransaction,
    puts: &[Put],
    root: &RootWrite,
) -> Done<Outcome> {
    let mut entries = open(file, transaction)?;
    let current = file.entry(&entries, &root.key)?;
    let standing = current.as_ref().map(|current| current.version);
    if standing != root.expected {
        return Ok((Outcome::unexpected(current, root), false));
    }
    let mut fresh = Vec::with_capacity(puts.len());
    for put in puts {
        match file.entry(&entries, &put.key)? {
            None => fresh.push(put),
            Some(held) if held.value == put.value => {}
            Some(_) => return Err(NotAdmitted::Rewritten { key: put.key.clone() }.into()),
        }
    }
    for put in fresh {
        write(file, &mut entries, &put.key, next_version(None, &put.value), &put.value)?;
    }
    let version = next_version(standing, &root.value);
    write(file, &mut entries, &root.key, version, &root.value)?;
    Ok((Outcome::Applied(version), true))
}

/// [`ConditionalStore::delete`](velostream_core::ConditionalStore::delete).
pub(crate) fn delete(file: &File, transaction: &WriteTransaction, keys: &[String]) -> Done<()> {
    let mut entries = open(file, transaction)?;
    for key in keys {
        entries.remove(key.as_str()).map_err(file.failed("delete"))?;
    }
    Ok(((), !keys.is_empty()))
}

fn open<'t>(file: &File, transaction: &'t WriteTransaction) -> Result<Entries<'t>, Error> {
    transaction.open_table(ENTRIES).map_err(file.failed("open table"))
}

fn write(
    file: &File,
    entries: &mut Entries<'_>,
    key: &str,
    version: RootVersion,
    value: &[u8],
) -> Result<(), Error> {
    entries.insert(key, encode(key, version, value).as_slice()).map_err(file.failed("write"))?;
    Ok(())
}
