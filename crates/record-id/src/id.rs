//! The id and the key under which it is tracked.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Longest id, in bytes of its text. Ids travel in memory, in keys of sinks and in audit lines; longer contents belong
/// into a content hash.
pub const MAX_ID_BYTES: usize = 64 * 1024;

const DIGEST_PREFIX: &str = "sha256:";

/// The id of a record: text with one spelling. Digests are kept as 32 bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Digest([u8; 32]),
    Text(Arc<str>),
}

impl RecordId {
    /// The id of a SHA-256 digest, `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(Repr::Digest(digest))
    }

    /// The id with this text; what custom identifiers use.
    ///
    /// # Errors
    /// `TooLong` -> Reject.
    pub fn from_text(text: &str) -> Result<Self> {
        if text.len() > MAX_ID_BYTES {
            return Err(Error::TooLong { found_bytes: text.len(), limit_bytes: MAX_ID_BYTES });
        }
        Ok(Self(parse_digest(text).map_or_else(|| Repr::Text(text.into()), Repr::Digest)))
    }

    /// The digest, where the id is one.
    #[must_use]
    pub const fn digest(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Repr::Digest(digest) => Some(digest),
            Repr::Text(_) => None,
        }
    }

    /// The text, where the id is no digest.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Digest(_) => None,
            Repr::Text(text) => Some(text),
        }
    }

    /// The key under which trackers keep the id: the first 16 bytes of the digest.
    ///
    /// Textual ids share long prefixes, so that their first bytes would make all records of a topic one: for them it
    /// is the first 16 bytes of the SHA-256 of the text.
    #[must_use]
    pub fn tracker_key(&self) -> TrackerKey {
        match &self.0 {
            Repr::Digest(digest) => TrackerKey::of(digest),
            Repr::Text(text) => TrackerKey::of(&Sha256::digest(text.as_bytes()).into()),
        }
    }
}

/// First 16 bytes of a SHA-256: among 10^9 tracked records two share a key with a probability of about 10^-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerKey(pub [u8; 16]);

impl TrackerKey {
    fn of(digest: &[u8; 32]) -> Self {
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(key)
    }
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix(DIGEST_PREFIX)?.as_bytes();
    let (pairs, rest) = hex.as_chunks::<2>();
    let mut digest = [0; 32];
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (to, &[high, low]) in digest.iter_mut().zip(pairs) {
        *to = nibble(high)? << 4 | nibble(low)?;
    }
    Some(digest)
}

/// Lower case only: an id has one spelling.
const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Digest(digest) => {
                f.write_str(DIGEST_PREFIX)?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}
