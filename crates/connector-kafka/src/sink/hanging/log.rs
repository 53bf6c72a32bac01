//! Records of `__transaction_state`, the log of the transaction coordinators.

use bytes::Bytes;
use velostream_kafka_client::{Malformed, Reader, TopicPartitions};

/// Name of the topic.
pub(super) const TOPIC: &str = "__transaction_state";
/// Value format from which on lengths are compact and fields may be tagged (Kafka 3.5, KIP-915).
const FLEXIBLE: i16 = 1;
/// Tag of the transaction protocol that the client spoke (Kafka 4.0, KIP-890).
const CLIENT_VERSION_TAG: u32 = 2;

/// State of a transaction, by its number in the log (source: `TransactionState` of Kafka 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
    /// Expired, or of a later Kafka.
    Other,
}

impl Status {
    const fn of(number: i8) -> Self {
        match number {
            0 => Self::Empty,
            1 => Self::Ongoing,
            2 => Self::PrepareCommit,
            3 => Self::PrepareAbort,
            4 => Self::CompleteCommit,
            5 => Self::CompleteAbort,
            _ => Self::Other,
        }
    }
}

/// What the coordinator wrote down of one transactional id (source: `TransactionLogValue.json` of Kafka 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) status: Status,
    /// Every partition of the transaction.
    pub(super) partitions: Vec<TopicPartitions>,
    /// 2 where every end of a transaction raises the epoch (KIP-890), so that an epoch names one transaction.
    pub(super) client_version: i16,
}

impl Entry {
    /// Reads a value.
    pub(super) fn decode(value: Bytes) -> Result<Self, Malformed> {
        let mut head = Reader::new(value.clone(), 0, false);
        let version = head.i16()?;
        if !(0..=FLEXIBLE).contains(&version) {
            return Err(head.malformed("version of a transaction"));
        }
        let mut r = Reader::new(value.slice(2..), version, version >= FLEXIBLE);
        let (producer_id, producer_epoch) = (r.i64()?, r.i16()?);
        r.millis()?; // timeout
        let status = Status::of(r.i8()?);
        let partitions = r.nullable_array(|r| {
            let found = TopicPartitions { topic: r.string()?, partitions: r.array(Reader::i32)? };
            r.end_struct()?;
            Ok(found)
        })?;
        r.i64()?; // last update
        r.i64()?; // start
        let mut client_version = 0;
        r.tags(|tag, r| {
            if tag == CLIENT_VERSION_TAG {
                client_version = r.i16()?;
            }
            Ok(())
        })?;
        let partitions = partitions.unwrap_or_default();
        Ok(Self { producer_id, producer_epoch, status, partitions, client_version })
    }

    /// True where the transaction has written to this partition.
    pub(super) fn touches(&self, topic: &str, partition: i32) -> bool {
        self.partitions.iter().any(|t| t.topic == topic && t.partitions.contains(&partition))
    }
}

/// Entry for a fuzz target.
#[cfg(fuzzing)]
pub fn fuzz(value: &[u8]) {
    if let Ok(entry) = Entry::decode(Bytes::copy_from_slice(value)) {
        entry.touches("t", 0);
    }
}

/// Key of the records of one transactional id (source: `TransactionLogKey.json`: version 0, then the id).
pub(super) fn key(id: &str) -> Vec<u8> {
    let len = u16::try_from(id.len()).unwrap_or(u16::MAX);
    [&[0, 0], &len.to_be_bytes()[..], id.as_bytes()].concat()
}

/// Which of `partitions` partitions holds a transactional id or a group: the hash of a Java string, made positive.
pub(super) fn partition_of(name: &str, partitions: usize) -> Option<i32> {
    let hash =
        name.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // `Utils.abs` of Kafka: the one value without a positive counterpart becomes 0.
    hash.checked_abs().unwrap_or(0).checked_rem(i32::try_from(partitions).ok()?)
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;

    fn written(version: i16, status: i8) -> Bytes {
        let mut b = BytesMut::new();
        b.put_i16(version);
        b.put_i64(5);
        b.put_i16(6);
        b.put_i32(10_000);
        b.put_i8(status);
        if version == 0 {
            b.put_i32(1);
            b.put_i16(1);
            b.put_slice(b"t");
            b.put_i32(2);
        } else {
            b.put_slice(&[2, 2, b't', 3]);
        }
        b.put_i32(1);
        b.put_i32(2);
        if version == 1 {
            b.put_u8(0);
        }
        b.put_i64(11);
        b.put_i64(12);
        if version == 1 {
            // Two tagged fields: the previous producer id and the client's version.
            b.put_slice(&[2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 2, 2, 0, 2]);
        }
        b.freeze()
    }

    #[test]
    fn entry_reads_in_both_versions() {
        for (version, client_version) in [(0, 0), (1, 2)] {
            let entry = Entry::decode(written(version, 2)).unwrap();
            assert_eq!((entry.producer_id, entry.producer_epoch), (5, 6));
            assert_eq!((entry.status, entry.client_version), (Status::PrepareCommit, client_version));
            assert!(entry.touches("t", 2) && !entry.touches("t", 3) && !entry.touches("u", 1));
        }
    }

    #[test]
    fn entry_of_a_later_version_or_cut_anywhere_is_malformed() {
        assert!(Entry::decode(written(1, 1)).is_ok());
        assert!(Entry::decode(Bytes::from_static(&[0, 2, 0, 0])).is_err());
        for version in [0, 1] {
            let whole = written(version, 1);
            for len in 0..whole.len() {
                assert!(Entry::decode(whole.slice(..len)).is_err(), "version {version}, {len} bytes");
            }
        }
    }

    #[test]
    fn key_is_version_length_and_id() {
        assert_eq!(key("ab"), [0, 0, 0, 2, b'a', b'b']);
    }

    /// Hashes as `"...".hashCode()` prints them.
    #[test]
    fn partition_follows_the_hash_of_java_strings() {
        assert_eq!(partition_of("hello", 50), Some(99_162_322 % 50));
        assert_eq!(
            partition_of("velostream.job", 50),
            Some(partition_of("velostream.job", 100).unwrap() % 50)
        );
        assert_eq!(partition_of("polygenelubricants", 50), Some(0)); // i32::MIN
        assert_eq!(partition_of("", 50), Some(0));
        assert_eq!(partition_of("x", 0), None);
    }

    /// Every byte of a good value replaced, and every count or length made too large by that.
    #[test]
    fn entry_with_a_damaged_byte_does_not_panic() {
        for version in [0, 1] {
            let whole = written(version, 1);
            for at in 0..whole.len() {
                for damage in 0..=u8::MAX {
                    let mut damaged = BytesMut::from(&*whole);
                    damaged[at] = damage;
                    drop(Entry::decode(damaged.freeze()));
                }
            }
        }
    }
}
