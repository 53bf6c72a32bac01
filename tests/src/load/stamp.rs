//! What each record says about itself.

use std::fmt;

/// Run, partition and sequence of a record, as text at the start of its value (or of its key where the value is null
/// or empty): `1f:3:000123:` for a committed record, `1f:3:000123!` for one of an aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The run that made the record.
    pub run: u32,
    /// The partition it was sent to.
    pub partition: i32,
    /// Its place among the run's committed (or, if aborted, aborted) records of that partition, from 0, without gaps.
    pub sequence: u64,
    /// True if its transaction was aborted: a read_committed reader must never see it.
    pub aborted: bool,
}

impl Stamp {
    /// Reads a stamp back from the start of a key or value.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(48).enumerate().filter(|(_, byte)| matches!(byte, b':' | b'!')).nth(2)?.0;
        let aborted = bytes.get(end) == Some(&b'!');
        let mut fields = std::str::from_utf8(bytes.get(..end)?).ok()?.split(':');
        let run = u32::from_str_radix(fields.next()?, 16).ok()?;
        let partition = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        Some(Self { run, partition, sequence, aborted })
    }

    /// The stamp of a record, wherever it stands.
    #[must_use]
    pub fn of(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Self> {
        value.and_then(Self::parse).or_else(|| key.and_then(Self::parse))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.aborted { '!' } else { ':' };
        write!(f, "{:x}:{}:{}{end}", self.run, self.partition, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn stamp_written_is_read_back() {
        for aborted in [false, true] {
            let stamp = Stamp { run: 0xffff_ffff, partition: i32::MAX, sequence: u64::MAX, aborted };
            let mut bytes = stamp.to_string().into_bytes();
            bytes.extend_from_slice(b"\xff\x00 rest : of ! it");
            assert_eq!(Stamp::parse(&bytes), Some(stamp));
            assert_eq!(Stamp::of(Some(&bytes), Some(b"")), Some(stamp));
            assert_eq!(Stamp::of(None, Some(&bytes)), Some(stamp));
        }
    }

    #[test]
    fn stamp_of_foreign_bytes_is_none() {
        for foreign in [&b""[..], b"::", b"a:b:c:", b"zz:1:1:", b"1:1:\xff:", b"no stamp"] {
            assert_eq!(Stamp::parse(foreign), None, "{foreign:?}");
        }
    }
}
