//! Keys: their grammar, and where an item of a key lies.

use velostream_core::{Put, RootWrite};

use crate::Error;

/// Longest key in bytes; see [`Put`].
const MAX_KEY_BYTES: usize = 512;

/// Largest value in bytes: an item is at most 400 KiB with its names, its key twice and three numbers (DynamoDB
/// Developer Guide, "Service quotas").
pub(crate) const MAX_VALUE_BYTES: usize = 398 * 1024;

/// Most puts in one commit: each is a request of its own.
pub(crate) const MAX_PUTS: usize = 1024;

/// The partition of a key: everything in front of its first slash, so that a task's items lie together.
pub(crate) fn partition(key: &str) -> &str {
    key.split_once('/').map_or(key, |(head, _)| head)
}

/// True within the grammar `[a-z0-9/._-]{1,512}`.
pub(crate) fn is_allowed(key: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-');
    !key.is_empty() && key.len() <= MAX_KEY_BYTES && key.bytes().all(allowed)
}

/// Checks a commit against grammar and limits, before anything is sent.
pub(crate) fn check(puts: &[Put], root: &RootWrite) -> Result<(), Error> {
    if puts.len() > MAX_PUTS {
        return Err(Error::TooLarge { what: "puts", found: puts.len(), limit: MAX_PUTS });
    }
    let values = puts.iter().map(|put| (&put.key, &put.value)).chain([(&root.key, &root.value)]);
    for (key, value) in values {
        if !is_allowed(key) {
            return Err(Error::Key { key: key.to_owned() });
        }
        if value.len() > MAX_VALUE_BYTES {
            let limit = MAX_VALUE_BYTES;
            return Err(Error::TooLarge { what: "bytes of a value", found: value.len(), limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_ends_at_the_first_slash() {
        assert_eq!(partition("orders-dr.lane-0/o/ids/1"), "orders-dr.lane-0");
        assert_eq!(partition("alone"), "alone");
    }

    #[test]
    fn keys_outside_the_grammar_are_refused() {
        assert!(is_allowed("a/0._-z") && is_allowed(&"k".repeat(512)));
        assert!(!is_allowed("") && !is_allowed(&"k".repeat(513)) && !is_allowed("A") && !is_allowed("a b"));
    }
}
