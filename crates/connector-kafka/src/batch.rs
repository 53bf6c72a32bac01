//! A Kafka record batch as the payload of a chunk.

use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{Codec, Encoded, Encoding, KafkaPartition, SourcePosition, SplitId, StreamRecord};
use velostream_kafka_batch::{Batch, Compression, Limits, Record};

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
        .filter(|r| r.offset >= position)
        .map(|r| StreamRecord {
            key: r.key,
            value: r.value,
            headers: r.headers,
            timestamp_ms: r.timestamp,
            position: SourcePosition::Kafka {
                partition: Arc::clone(partition),
                offset: r.offset,
                leader_epoch,
            },
        })
        .collect())
}

/// Back to a record of a batch.
pub(crate) fn to_record(record: &StreamRecord) -> Record {
    Record {
        offset: 0,
        timestamp: record.timestamp_ms,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    }
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
