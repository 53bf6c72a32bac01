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
