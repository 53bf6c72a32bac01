//! An item of the table, and how it is read back.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use velostream_core::{RootVersion, Versioned};
use velostream_envelope::entry::checksum;

use crate::Error;
use crate::key::partition;

/// Version of the items' layout; every item carries it.
const FORMAT: u64 = 1;
/// Partition key: the key up to its first slash.
pub(crate) const PARTITION: &str = "p";
/// Sort key: the whole key.
pub(crate) const KEY: &str = "k";
/// The version, a number.
pub(crate) const VERSION: &str = "n";
const FORMAT_NUMBER: &str = "f";
const CHECKSUM: &str = "c";
const VALUE: &str = "b";

/// An item as the service knows it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The attributes that name an item.
pub(crate) fn name(key: &str) -> Item {
    [(PARTITION.to_owned(), text(partition(key))), (KEY.to_owned(), text(key))].into()
}

/// A whole item.
pub(crate) fn encode(key: &str, version: RootVersion, value: &Bytes) -> Item {
    let mut item = name(key);
    item.insert(FORMAT_NUMBER.into(), number(FORMAT));
    item.insert(VERSION.into(), number(version.0));
    item.insert(CHECKSUM.into(), number(u64::from(checksum(key, version, value))));
    item.insert(VALUE.into(), AttributeValue::B(Blob::new(value.to_vec())));
    item
}

/// The key of an item and what it holds.
pub(crate) fn decode(table: &str, item: &Item) -> Result<(String, Versioned), Error> {
    let key = key_of(table, item)?;
    let corrupt = |why| Error::CorruptValue { table: table.to_owned(), key: key.clone(), why };
    match numeric(item, FORMAT_NUMBER).ok_or_else(|| corrupt("it has no format"))? {
        FORMAT => {}
        found if found > FORMAT => {
            return Err(Error::NewerVersion { table: table.to_owned(), found, supported: FORMAT });
        }
        _ => return Err(corrupt("its format was never written")),
    }
    let version = numeric(item, VERSION).map(RootVersion).ok_or_else(|| corrupt("it has no version"))?;
    let value = item.get(VALUE).and_then(|value| value.as_b().ok());
    let value = value.ok_or_else(|| corrupt("it has no value"))?.as_ref();
    if numeric(item, CHECKSUM) != Some(u64::from(checksum(&key, version, value))) {
        return Err(corrupt("its checksum does not fit"));
    }
    let value = Bytes::copy_from_slice(value);
    Ok((key, Versioned { value, version }))
}

/// The key of an item, whole or with its names alone.
pub(crate) fn key_of(table: &str, item: &Item) -> Result<String, Error> {
    let key = item.get(KEY).and_then(|key| key.as_s().ok());
    key.cloned().ok_or_else(|| Error::Corrupt { table: table.to_owned(), why: "an item has no key" })
}

/// A string attribute.
pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A number attribute: DynamoDB keeps 38 digits, a `u64` has 20.
pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn numeric(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_comes_back_and_damage_is_found() {
        let item = encode("a/k", RootVersion(u64::MAX), &Bytes::from_static(b"value"));
        let (key, back) = decode("t", &item).unwrap();
        assert_eq!(
            (key.as_str(), back.version, &back.value[..]),
            ("a/k", RootVersion(u64::MAX), &b"value"[..])
        );
        for name in [FORMAT_NUMBER, VERSION, CHECKSUM, VALUE, KEY] {
            let mut damaged = item.clone();
            damaged.remove(name);
            assert!(decode("t", &damaged).is_err(), "without {name}");
        }
        let mut moved = item;
        moved.insert(KEY.into(), text("a/other"));
        assert!(matches!(decode("t", &moved), Err(Error::CorruptValue { .. })));
    }

    #[test]
    fn item_of_a_later_format_is_refused() {
        let mut item = encode("a/k", RootVersion(1), &Bytes::new());
        item.insert(FORMAT_NUMBER.into(), number(FORMAT + 1));
        assert!(matches!(decode("t", &item), Err(Error::NewerVersion { found: 2, .. })));
    }
}
