//! AddPartitionsToTxn: names the partitions of a transaction before they are written to (transaction.version < 2).

use std::time::Duration;

use crate::request::{PartitionResult, TopicPartitions};
use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Adds partitions to the transaction; opens it where none is open. With transaction.version 2 Produce does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddPartitionsToTxn {
    /// The transaction's id.
    pub transactional_id: String,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// The partitions.
    pub topics: Vec<TopicPartitions>,
}

/// Answer to an [`AddPartitionsToTxn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddPartitionsToTxnResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request. One that failed fails all: the others are OPERATION_NOT_ATTEMPTED.
    pub partitions: Vec<PartitionResult>,
}

impl AddPartitionsToTxnResponse {
    /// The first error that says more than "not attempted", else `NONE`.
    #[must_use]
    pub fn error(&self) -> ErrorCode {
        let mut errors = self.partitions.iter().map(|p| p.error).filter(|e| !e.is_ok());
        let first = errors.next().unwrap_or(ErrorCode::NONE);
        if first == ErrorCode::OPERATION_NOT_ATTEMPTED {
            errors.find(|e| *e != ErrorCode::OPERATION_NOT_ATTEMPTED).unwrap_or(first)
        } else {
            first
        }
    }
}

impl Request for AddPartitionsToTxn {
    type Response = AddPartitionsToTxnResponse;
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    const MIN: i16 = 0;
    // From version 4 on only brokers use it among themselves.
    const MAX: i16 = 3;
    const FLEXIBLE: i16 = 3;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.transactional_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.array(&self.topics, |w, topic| topic.write(w));
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<AddPartitionsToTxnResponse, Malformed> {
        let response =
            AddPartitionsToTxnResponse { throttle: r.millis()?, partitions: PartitionResult::read_all(r)? };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &AddPartitionsToTxnResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, theirs, topic_name, transactional_id};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = AddPartitionsToTxn {
            transactional_id: "x".to_owned(),
            producer_id: 5,
            producer_epoch: 6,
            topics: vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![1, 2] }],
        };
        check::request(&request, |_| {
            let topic = theirs::add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
                .with_name(topic_name("t"))
                .with_partitions(vec![1, 2]);
            theirs::AddPartitionsToTxnRequest::default()
                .with_v3_and_below_transactional_id(transactional_id("x"))
                .with_v3_and_below_producer_id(theirs::ProducerId(5))
                .with_v3_and_below_producer_epoch(6)
                .with_v3_and_below_topics(vec![topic])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::add_partitions_to_txn_response as a;
        let result = |index, code| {
            a::AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(index)
                .with_partition_error_code(code)
        };
        check::response::<AddPartitionsToTxn, _>(
            |_| {
                let topic = a::AddPartitionsToTxnTopicResult::default()
                    .with_name(topic_name("t"))
                    .with_results_by_partition(vec![result(1, 55), result(2, 29)]);
                theirs::AddPartitionsToTxnResponse::default()
                    .with_throttle_time_ms(3)
                    .with_results_by_topic_v3_and_below(vec![topic])
            },
            |_| {
                let part = |partition, code| PartitionResult {
                    topic: "t".into(),
                    partition,
                    error: ErrorCode(code),
                };
                let response = AddPartitionsToTxnResponse {
                    throttle: Duration::from_millis(3),
                    partitions: vec![part(1, 55), part(2, 29)],
                };
                assert_eq!(response.error(), ErrorCode::TOPIC_AUTHORIZATION_FAILED);
                response
            },
        );
    }
}
