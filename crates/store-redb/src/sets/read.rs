//! Questions about a set.

use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use velostream_core::{Member, MemberState, SharedId};

use super::place::Known;
use super::{FIRST, HELD, LAST, MEMBERS};
use crate::Error;
use crate::database::File;

impl File {
    /// What a set knows about a member.
    pub(crate) fn member(&self, member: &Member) -> Result<Option<MemberState>, Error> {
        let transaction = self.database()?.begin_read().map_err(self.failed("read"))?;
        let Some(members) = open(self, &transaction, MEMBERS)? else { return Ok(None) };
        let Some(known) = self::member(self, &members, member)? else { return Ok(None) };
        let held = open(self, &transaction, HELD)?.map_or(Ok(0), |table| held(self, &table, member))?;
        Ok(Some(known.with(held)))
    }

    /// Names of the members of a set, sorted.
    pub(crate) fn members(&self, set: &str) -> Result<Vec<String>, Error> {
        let transaction = self.database()?.begin_read().map_err(self.failed("read"))?;
        let Some(members) = open(self, &transaction, MEMBERS)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in members.range((set, "")..).map_err(self.failed("read"))? {
            let (key, _) = entry.map_err(self.failed("read"))?;
            match key.value() {
                (of, name) if of == set => names.push(name.to_owned()),
                _ => break,
            }
        }
        Ok(names)
    }
}

/// `None` where no call has made the table yet.
fn open<K: redb::Key + 'static, V: redb::Value + 'static>(
    file: &File,
    transaction: &ReadTransaction,
    table: TableDefinition<'static, K, V>,
) -> Result<Option<redb::ReadOnlyTable<K, V>>, Error> {
    match transaction.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(file.failed("read")(error)),
    }
}

pub(super) fn member(
    file: &File,
    members: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    member: &Member,
) -> Result<Option<Known>, Error> {
    let found = members.get((member.set(), member.name())).map_err(file.failed("read"))?;
    let Some(found) = found else { return Ok(None) };
    Known::decode(member, found.value()).map(Some).map_err(|why| corrupt(file, &member.to_string(), why))
}

/// How many ids a member holds.
pub(super) fn held(
    file: &File,
    held: &impl ReadableTable<(&'static str, &'static str, &'static SharedId), ()>,
    member: &Member,
) -> Result<u64, Error> {
    let mut count = 0u64;
    for entry in held.range(holding(member)).map_err(file.failed("read"))? {
        entry.map_err(file.failed("read"))?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The keys of what a member holds.
pub(super) fn holding(member: &Member) -> RangeInclusive<(&str, &str, &SharedId)> {
    let (set, name) = (member.set(), member.name());
    (set, name, &FIRST)..=(set, name, &LAST)
}

pub(super) fn corrupt(file: &File, key: &str, why: &'static str) -> Error {
    Error::CorruptValue { path: file.path(), key: key.to_owned(), why }
}
