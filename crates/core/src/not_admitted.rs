//! What no backend takes, checked before anything is sent.

use std::fmt;

use crate::{Code, Disposition, Error, Put, RootWrite, StoreGuarantees};

/// Longest key in bytes; see [`Put`].
const MAX_KEY_BYTES: usize = 512;

/// Why a commit cannot be. Nothing of it was applied; its disposition is always `Reject`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// A key outside the grammar `[a-z0-9/._-]{1,512}`.
    Key {
        /// The key.
        key: String,
    },
    /// A put of a key that holds another value.
    Rewritten {
        /// The key.
        key: String,
    },
    /// A value larger, or more puts, than the store takes.
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl NotAdmitted {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Key { .. } | Self::Rewritten { .. } => Code::Internal,
            Self::TooLarge { .. } => Code::StateTooLarge,
        }
    }
}

impl fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { key } => write!(f, "key {key:?} is not allowed"),
            Self::Rewritten { key } => write!(f, "key {key:?} is written once and holds another value"),
            Self::TooLarge { what, found, limit } => {
                write!(f, "{found} {what} exceed the limit of {limit}")
            }
        }
    }
}

impl std::error::Error for NotAdmitted {}

impl From<NotAdmitted> for Error {
    fn from(why: NotAdmitted) -> Self {
        Self::new(why.code(), Disposition::Reject, why.to_string()).with_source(why)
    }
}

impl StoreGuarantees {
    /// Checks keys and sizes of a commit against the grammar and this store's limits.
    ///
    /// # Errors
    /// `Reject`: [`NotAdmitted::Key`], [`NotAdmitted::TooLarge`].
    pub fn admit(&self, puts: &[Put], root: &RootWrite) -> Result<(), NotAdmitted> {
        if puts.len() > self.max_puts {
            return Err(NotAdmitted::TooLarge { what: "puts", found: puts.len(), limit: self.max_puts });
        }
        let values = puts.iter().map(|put| (&put.key, &put.value)).chain([(&root.key, &root.value)]);
        for (key, value) in values {
            admit_key(key)?;
            if value.len() > self.max_value_bytes {
                let (what, limit) = ("bytes of a value", self.max_value_bytes);
                return Err(NotAdmitted::TooLarge { what, found: value.len(), limit });
            }
        }
        Ok(())
    }

    /// Checks keys that are read or deleted.
    ///
    /// # Errors
    /// `Reject`: [`NotAdmitted::Key`].
    pub fn admit_keys(&self, keys: &[&str]) -> Result<(), NotAdmitted> {
        keys.iter().try_for_each(|key| admit_key(key))
    }
}

fn admit_key(key: &str) -> Result<(), NotAdmitted> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-');
    match !key.is_empty() && key.len() <= MAX_KEY_BYTES && key.bytes().all(allowed) {
        true => Ok(()),
        false => Err(NotAdmitted::Key { key: key.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::DurabilityClass;

    const SMALL: StoreGuarantees = StoreGuarantees {
        class: DurabilityClass::Process,
        linearizable: true,
        shared: false,
        max_value_bytes: 3,
        max_puts: 1,
    };

    fn put(key: &str, value: &'static [u8]) -> Put {
        Put { key: key.to_owned(), value: Bytes::from_static(value) }
    }

    fn admit(puts: &[Put], root: &str, value: &'static [u8]) -> Result<(), NotAdmitted> {
        let root = RootWrite { key: root.to_owned(), expected: None, value: Bytes::from_static(value) };
        SMALL.admit(puts, &root)
    }

    #[test]
    fn keys_outside_the_grammar_are_refused_wherever_they_stand() {
        for key in ["a/0._-z", &"k".repeat(512)] {
            assert_eq!(admit(&[put(key, b"1")], key, b"1"), Ok(()));
        }
        for key in ["", &"k".repeat(513), "A", "a b", "a{b", "a!"] {
            let refused = Err(NotAdmitted::Key { key: key.to_owned() });
            assert_eq!(admit(&[], key, b"1"), refused);
            assert_eq!(admit(&[put(key, b"1")], "root", b"1"), refused);
            assert_eq!(SMALL.admit_keys(&["fine", key]), refused);
        }
    }

    #[test]
    fn limits_are_reached_and_not_passed() {
        assert_eq!(admit(&[put("a", b"123")], "root", b"123"), Ok(()));
        let value = Err(NotAdmitted::TooLarge { what: "bytes of a value", found: 4, limit: 3 });
        assert_eq!(admit(&[put("a", b"1234")], "root", b""), value);
        assert_eq!(admit(&[], "root", b"1234"), value);
        let puts = Err(NotAdmitted::TooLarge { what: "puts", found: 2, limit: 1 });
        assert_eq!(admit(&[put("a", b""), put("b", b"")], "root", b""), puts);
    }
}
