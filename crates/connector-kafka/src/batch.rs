//! A Kafka record batch as the payload of a chunk.

use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{
    Codec, Encoded, Encoding, KafkaPartition, SourcePosition, SplitId, StreamRecord, mutant,
};
use velostream_kafka_batch::{Batch, Compression, Limits};

use crate::Error;

/// A whole batch whose checksum was verified.
#[derive(Debug)]
pub(crate) struct KafkaBatch {
    batch: Batch,
    split: SplitId,
}

impl KafkaBatch {
    pub(crate) const fn new(batch: Batch, split: SplitId) -> Self {
        Self { batch, split }
    }
}

impl Encoded for KafkaBatch {
    fn encoding(&self) -> Encoding {
        Encoding::KafkaBatchV2
    }

    fn bytes(&self) -> &Bytes {
        self.batch.bytes()
    }

    fn codec(&self) -> Codec {
        codec(&self.batch)
    }

    fn decode(&self, from: &SourcePosition, max_bytes: usize) -> velostream_core::Result<Vec<StreamRecord>> {
        let SourcePosition::Kafka { partition, offset, .. } = from else {
            return Err(Error::Defect("a Kafka batch with a position of another source").into());
        };
        Ok(decode(&self.batch, &self.split, partition, *offset, max_bytes)?)
    }
}

/// The records of a batch from `position` on.
pub(crate) fn decode(
    batch: &Batch,
    split: &SplitId,
    partition: &Arc<KafkaPartition>,
    position: i64,
    max_decompressed_bytes: usize,
) -> Result<Vec<StreamRecord>, Error> {
    let leader_epoch = batch.partition_leader_epoch();
    let records = batch.records(Limits { max_decompressed_bytes }).map_err(|source| Error::Batch {
        split: split.clone(),
        offset: batch.base_offset(),
        source,
    })?;
    Ok(records
        .into_iter()
        .filter(|r| r.offset >= position || mutant!(RecordsInFrontOfPositionKept))
        .map(|r| StreamRecord {
            key: r.key,
            value: r.value.or_else(|| mutant!(TombstoneBecomesEmpty).then(Bytes::new)),
            headers: if mutant!(HeadersReversed) { r.headers.into_iter().rev().collect() } else { r.headers },
            timestamp_ms: if mutant!(TimestampMoved) { r.timestamp + 1 } else { r.timestamp },
            position: SourcePosition::Kafka {
                partition: Arc::clone(partition),
                offset: r.offset,
                leader_epoch,
            },
        })
        .collect())
}

pub(crate) fn codec(batch: &Batch) -> Codec {
    match batch.compression() {
        Ok(Compression::Gzip) => Codec::Gzip,
        Ok(Compression::Snappy) => Codec::Snappy,
        Ok(Compression::Lz4) => Codec::Lz4,
        Ok(Compression::Zstd) => Codec::Zstd,
        Ok(Compression::None) | Err(_) => Codec::None,
    }
}

pub(crate) const fn compression(codec: Codec) -> Compression {
    match codec {
        Codec::Gzip => Compression::Gzip,
        Codec::Snappy => Compression::Snappy,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
        _ => Compression::None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use velostream_core::{Header, KafkaPartition, SplitId, TopicId};
    use velostream_kafka_batch::{Batch, Limits, Record, WriteOptions, write_batch};

    use super::decode;

    fn odd() -> Vec<Record> {
        let header = |name: &'static [u8], value: Option<&'static [u8]>| Header {
            name: Bytes::from_static(name),
            value: value.map(Bytes::from_static),
        };
        let headers = vec![
            header(b"b", Some(b"1")),
            header(b"a", None),
            header(b"b", Some(b"")),
            header(b"\xff", Some(b"2")),
        ];
        let record = |timestamp, key: Option<&'static [u8]>, value: Option<&'static [u8]>| Record {
            offset: 0,
            timestamp,
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: Vec::new(),
        };
        vec![
            record(0, None, Some(b"")),
            record(-1, Some(b""), None),
            Record { headers, ..record(1_700_000_000_000, Some(b"k"), Some(b"v")) },
        ]
    }

    /// The records as they leave again, read from `position` on.
    fn through(records: &[Record], position: i64) -> Vec<Record> {
        let batch = Batch::parse(write_batch(records, WriteOptions::default()).unwrap()).unwrap();
        let partition = Arc::new(KafkaPartition {
            cluster_id: "c".into(),
            topic: "t".into(),
            topic_id: TopicId::default(),
            partition: 0,
        });
        let records = decode(&batch, &SplitId::new("t-0"), &partition, position, 1 << 20).unwrap();
        if records.is_empty() {
            return Vec::new();
        }
        let batch = Batch::parse(write_batch(&records, WriteOptions::default()).unwrap()).unwrap();
        let left = batch.records(Limits { max_decompressed_bytes: 1 << 20 }).unwrap();
        left.into_iter().map(|record| Record { offset: 0, ..record }).collect()
    }

    #[test]
    fn record_that_is_decoded_leaves_as_it_came() {
        assert_eq!(through(&odd(), 0), odd());
    }

    #[test]
    fn record_in_front_of_the_position_does_not_leave_again() {
        assert_eq!(through(&odd(), 2), odd()[2..]);
        assert_eq!(through(&odd(), 3), []);
    }
}
