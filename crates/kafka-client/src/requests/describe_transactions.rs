//! DescribeTransactions: the state of transactional ids (KIP-664, Kafka 3.0).

use std::time::Duration;

use crate::request::TopicPartitions;
use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks a coordinator about its transactional ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeTransactions {
    /// The ids.
    pub transactional_ids: Vec<String>,
}

/// Answer to a [`DescribeTransactions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeTransactionsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each id.
    pub states: Vec<TransactionState>,
}

/// The state of one transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionState {
    /// Its error; TRANSACTIONAL_ID_NOT_FOUND where it was never used or has expired.
    pub error: ErrorCode,
    /// The id.
    pub transactional_id: String,
    /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`, `Dead` or
    /// `PrepareEpochFence`.
    pub state: String,
    /// Transaction timeout.
    pub timeout: Duration,
    /// Start of the open transaction in milliseconds since the Unix epoch, -1 for none.
    pub start_ms: i64,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Partitions of the open transaction.
    pub topics: Vec<TopicPartitions>,
}

impl TransactionState {
    /// `Ok` where the id has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the id.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        self.error.check(broker, ApiKey::DescribeTransactions).map_err(|e| e.of(&*self.transactional_id))
    }
}

impl Request for DescribeTransactions {
    type Response = DescribeTransactionsResponse;
    const KEY: ApiKey = ApiKey::DescribeTransactions;
    const MIN: i16 = 0;
    const MAX: i16 = 0;
    const FLEXIBLE: i16 = 0;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.transactional_ids, |w, id| w.string(id));
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<DescribeTransactionsResponse, Malformed> {
        let throttle = r.millis()?;
        let states = r.array(|r| {
            let state = TransactionState {
                error: r.error_code()?,
                transactional_id: r.string()?,
                state: r.string()?,
                timeout: r.millis()?,
                start_ms: r.i64()?,
                producer_id: r.i64()?,
                producer_epoch: r.i16()?,
                topics: r.array(|r| {
                    let found = TopicPartitions { topic: r.string()?, partitions: r.array(Reader::i32)? };
                    r.end_struct()?;
                    Ok(found)
                })?,
            };
            r.end_struct()?;
            Ok(state)
        })?;
        r.end_struct()?;
        Ok(DescribeTransactionsResponse { throttle, states })
    }

    fn throttle(response: &DescribeTransactionsResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs, topic_name, transactional_id};

    #[test]
    fn request_reads_back() {
        check::request(&DescribeTransactions { transactional_ids: vec!["x".to_owned()] }, |_| {
            theirs::DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id("x")])
        });
    }

    #[test]
    fn response_reads() {
        use theirs::describe_transactions_response as d;
        check::response::<DescribeTransactions, _>(
            |_| {
                let topic = d::TopicData::default().with_topic(topic_name("t")).with_partitions(vec![1, 2]);
                let state = d::TransactionState::default()
                    .with_transactional_id(transactional_id("x"))
                    .with_transaction_state(text("Ongoing"))
                    .with_transaction_timeout_ms(10_000)
                    .with_transaction_start_time_ms(11)
                    .with_producer_id(theirs::ProducerId(5))
                    .with_producer_epoch(6)
                    .with_topics(vec![topic]);
                theirs::DescribeTransactionsResponse::default()
                    .with_throttle_time_ms(3)
                    .with_transaction_states(vec![state])
            },
            |_| DescribeTransactionsResponse {
                throttle: Duration::from_millis(3),
                states: vec![TransactionState {
                    error: ErrorCode::NONE,
                    transactional_id: "x".to_owned(),
                    state: "Ongoing".to_owned(),
                    timeout: Duration::from_secs(10),
                    start_ms: 11,
                    producer_id: 5,
                    producer_epoch: 6,
                    topics: vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![1, 2] }],
                }],
            },
        );
    }
}
