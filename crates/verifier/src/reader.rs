//! Reads one partition of one side, up to an end that was fixed before.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Client, Isolation, client};
use crate::compare::{Item, Side};
use crate::config::Cluster;
use crate::error::Error;
use crate::fingerprint::FingerprintBuilder;
use crate::native_headers::NativeHeaders;

const POLL: Duration = Duration::from_millis(100);

/// Which records of which partition.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) side: Side,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// First offset to read.
    pub(crate) from: i64,
    /// The last stable offset when the verification started.
    pub(crate) end: i64,
    /// Offsets between that and the high watermark: held back by an open transaction.
    pub(crate) unstable: u64,
}

impl Range {
    /// Of a partition that does not exist.
    pub(crate) fn empty(side: Side, topic: &str, partition: i32) -> Self {
        Self { side, topic: topic.to_owned(), partition, from: 0, end: 0, unstable: 0 }
    }
}

/// A read_committed reader of a [`Range`].
pub(crate) struct PartitionReader {
    /// None where there is nothing to read.
    consumer: Option<Client>,
    range: Range,
    position: i64,
    stall: Duration,
    unread_headers: u64,
}

impl PartitionReader {
    pub(crate) fn open(cluster: &Cluster, range: &Range, stall: Duration) -> Result<Self, Error> {
        let position = range.from;
        let mut reader = Self { consumer: None, range: range.clone(), position, stall, unread_headers: 0 };
        if range.from < range.end {
            let consumer = client(cluster, range.side, Isolation::Committed)?;
            let mut assignment = TopicPartitionList::new();
            assignment
                .add_partition_offset(&range.topic, range.partition, Offset::Offset(range.from))
                .and_then(|()| consumer.assign(&assignment))
                .map_err(|source| reader.cannot_read(source))?;
            reader.consumer = Some(consumer);
        }
        Ok(reader)
    }

    /// The next record; `None` at the end of the range.
    ///
    /// The end is reached with a record at or past it, or when the broker says that nothing more is visible: the last
    /// offsets of a range may be control records or aborted ones, which never show.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, Error> {
        let mut waited = Duration::ZERO;
        let mut complaint = None;
        while let Some(consumer) = &self.consumer {
            match consumer.poll(POLL) {
                Some(Ok(message)) if message.offset() >= self.range.end => {
                    drop(message);
                    self.consumer = None;
                }
                Some(Ok(mut message)) => {
                    let made = item(&mut message);
                    drop(message);
                    let (item, all_read) = made.map_err(|source| self.cannot_read(source))?;
                    self.position = item.offset + 1;
                    self.unread_headers += u64::from(!all_read);
                    if self.position >= self.range.end {
                        self.consumer = None;
                    }
                    return Ok(Some(item));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.consumer = None,
                Some(Err(error)) if passes_by_itself(&error) => complaint = Some(error),
                Some(Err(error)) => return Err(self.cannot_read(error)),
                None => {
                    waited += POLL;
                    if waited >= self.stall {
                        return Err(self.stalled(waited, complaint));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Offsets up to the end: at least as many as records are left.
    pub(crate) fn remaining(&self) -> u64 {
        if self.consumer.is_none() { 0 } else { u64::try_from(self.range.end - self.position).unwrap_or(0) }
    }

    pub(crate) const fn unread_headers(&self) -> u64 {
        self.unread_headers
    }

    fn cannot_read(&self, source: KafkaError) -> Error {
        let (side, topic, partition) = (self.range.side, self.range.topic.clone(), self.range.partition);
        let gone = matches!(
            source.rdkafka_error_code(),
            Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset)
        );
        if gone {
            Error::OffsetGone { side, topic, partition, offset: self.position }
        } else {
            Error::Read { side, topic, partition, offset: self.position, source: Box::new(source) }
        }
    }

    fn stalled(&self, waited: Duration, source: Option<KafkaError>) -> Error {
        Error::Stalled {
            side: self.range.side,
            topic: self.range.topic.clone(),
            partition: self.range.partition,
            offset: self.position,
            end: self.range.end,
            waited_s: waited.as_secs(),
            source: source.map(Box::new),
        }
    }
}

/// Connections come back, leaders move; the stall limit bounds how long that may take.
fn passes_by_itself(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
        )
    )
}

/// The record, and false if a header's name could not be read to its end.
fn item(message: &mut BorrowedMessage<'_>) -> Result<(Item, bool), KafkaError> {
    let (offset, timestamp_ms) = (message.offset(), message.timestamp().to_millis().unwrap_or(-1));
    let mut builder = FingerprintBuilder::new(message.key(), message.payload(), timestamp_ms);
    let mut all_read = true;
    if let Some(headers) = NativeHeaders::of(message)? {
        for (name, value) in headers.iter() {
            builder.header(name.to_bytes(), value);
        }
        all_read = headers.are_names_whole();
    }
    Ok((Item::new(offset, builder.finish()), all_read))
}
