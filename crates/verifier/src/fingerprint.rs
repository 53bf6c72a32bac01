//! What a record is reduced to before it is compared.

use std::hash::{DefaultHasher, Hasher as _};

use sha2::{Digest, Sha256};

/// Key or value as evidence: null, empty, or the hash of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Null,
    Empty,
    Bytes(u64),
}

impl Part {
    fn of(bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => Self::Null,
            Some([]) => Self::Empty,
            Some(bytes) => {
                let mut hasher = DefaultHasher::new();
                hasher.write(bytes);
                Self::Bytes(hasher.finish())
            }
        }
    }

    /// True where two equal parts say that the records are related: two nulls say nothing.
    fn is_shared_evidence(self, other: Self) -> bool {
        self == other && matches!(self, Self::Bytes(_))
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Empty => "empty",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// A record reduced to 128 bits of SHA-256 that decide equality, and to small hashes of its parts that only name what
/// changed when two records differ.
///
/// The framing is unambiguous: every field is preceded by a presence byte and its length, headers by their number, so
/// that null and empty, and bytes moved from one field to the next, give other bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    pub(crate) whole: u128,
    pub(crate) key: Part,
    pub(crate) value: Part,
    pub(crate) headers: u64,
    pub(crate) timestamp_ms: i64,
}

impl Fingerprint {
    /// Of a record: key and value (`None` is null), headers in order, timestamp in milliseconds (-1 for none).
    #[must_use]
    pub fn new<'a>(
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        timestamp_ms: i64,
    ) -> Self {
        let mut builder = FingerprintBuilder::new(key, value, timestamp_ms);
        for (name, value) in headers {
            builder.header(name, value);
        }
        builder.finish()
    }

    /// True if the two are likely versions of one record: they share the value, or both key and timestamp.
    pub(crate) fn resembles(&self, other: &Self) -> bool {
        self.value.is_shared_evidence(other.value)
            || (self.key.is_shared_evidence(other.key) && self.timestamp_ms == other.timestamp_ms)
    }

    /// Names the parts that differ between a source record and its changed version at the sink.
    pub(crate) fn difference(&self, sink: &Self) -> String {
        let mut parts = Vec::new();
        for (name, source, sink) in [("key", self.key, sink.key), ("value", self.value, sink.value)] {
            match (source, sink) {
                (Part::Bytes(_), Part::Bytes(_)) if source != sink => parts.push(format!("{name} differs")),
                _ if source != sink => {
                    parts.push(format!(
                        "{name} is {} at the source, {} at the sink",
                        source.describe(),
                        sink.describe()
                    ));
                }
                _ => {}
            }
        }
        if self.headers != sink.headers {
            parts.push("headers differ".to_owned());
        }
        if self.timestamp_ms != sink.timestamp_ms {
            parts.push(format!(
                "timestamp is {} at the source, {} at the sink",
                self.timestamp_ms, sink.timestamp_ms
            ));
        }
        parts.join("; ")
    }
}

/// Builds a [`Fingerprint`] header by header.
pub(crate) struct FingerprintBuilder {
    whole: Sha256,
    headers: Option<DefaultHasher>,
    key: Part,
    value: Part,
    timestamp_ms: i64,
    count: u64,
}

impl FingerprintBuilder {
    pub(crate) fn new(key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64) -> Self {
        let mut whole = Sha256::new();
        whole.update(timestamp_ms.to_le_bytes());
        field(&mut whole, key);
        field(&mut whole, value);
        Self { whole, headers: None, key: Part::of(key), value: Part::of(value), timestamp_ms, count: 0 }
    }

    /// Adds a header.
    pub(crate) fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        field(&mut self.whole, Some(name));
        field(&mut self.whole, value);
        self.count += 1;
        let parts = self.headers.get_or_insert_default();
        for part in [Some(name), value] {
            parts.write(part.unwrap_or_default());
            parts.write_usize(part.map_or(usize::MAX, <[u8]>::len));
        }
    }

    pub(crate) fn finish(mut self) -> Fingerprint {
        // Every header is two whole fields, so a number at the end is as good as one before them.
        self.whole.update(self.count.to_le_bytes());
        let digest = self.whole.finalize();
        let whole = digest.iter().take(16).fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
        Fingerprint {
            whole,
            key: self.key,
            value: self.value,
            headers: self.headers.map_or(0, |hasher| hasher.finish()),
            timestamp_ms: self.timestamp_ms,
        }
    }
}

fn field(whole: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        None => whole.update([0]),
        Some(bytes) => {
            whole.update([1]);
            whole.update((bytes.len() as u64).to_le_bytes());
            whole.update(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    type Headers<'a> = &'a [(&'a [u8], Option<&'a [u8]>)];

    fn print(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>, timestamp: i64) -> Fingerprint {
        Fingerprint::new(key, value, headers.iter().copied(), timestamp)
    }

    #[test]
    fn fingerprints_of_unlike_records_all_differ() {
        let prints = [
            print(None, None, &[], 0),
            print(Some(b""), None, &[], 0),
            print(None, Some(b""), &[], 0),
            print(Some(b""), Some(b""), &[], 0),
            print(Some(b"ab"), Some(b""), &[], 0),
            print(Some(b"a"), Some(b"b"), &[], 0),
            print(Some(b"a"), Some(b"b"), &[], 1),
            print(None, None, &[(b"", None)], 0),
            print(None, None, &[(b"", Some(b""))], 0),
            print(None, None, &[(b"", None), (b"", None)], 0),
            print(None, None, &[(b"a", Some(b"1")), (b"b", Some(b"2"))], 0),
            print(None, None, &[(b"b", Some(b"2")), (b"a", Some(b"1"))], 0),
            print(None, None, &[(b"a", Some(b"1b")), (b"", Some(b"2"))], 0),
            print(None, None, &[(b"\xff", Some(b"1"))], 0),
        ];
        for (at, one) in prints.iter().enumerate() {
            for other in prints.iter().skip(at + 1) {
                assert_ne!(one.whole, other.whole);
            }
        }
    }

    #[test]
    fn difference_names_each_part_that_changed() {
        let source = print(Some(b"k"), None, &[(b"h", None)], 5);
        let sink = print(Some(b"q"), Some(b""), &[(b"h", Some(b""))], 6);
        assert_eq!(
            source.difference(&sink),
            "key differs; value is null at the source, empty at the sink; headers differ; \
             timestamp is 5 at the source, 6 at the sink"
        );
        assert_eq!(source.difference(&source), "");
    }
}
