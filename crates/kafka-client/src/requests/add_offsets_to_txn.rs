//! AddOffsetsToTxn: names the group of a transaction before its offsets are committed (transaction.version < 2).

use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Adds a group's offsets to the transaction. With transaction.version 2 TxnOffsetCommit does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOffsetsToTxn {
    /// The transaction's id.
    pub transactional_id: String,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// The group.
    pub group: String,
}

/// Answer to an [`AddOffsetsToTxn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOffsetsToTxnResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request.
    pub error: ErrorCode,
}

impl Request for AddOffsetsToTxn {
    type Response = AddOffsetsToTxnResponse;
    const KEY: ApiKey = ApiKey::AddOffsetsToTxn;
    const MIN: i16 = 0;
    const MAX: i16 = 4;
    const FLEXIBLE: i16 = 3;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.transactional_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.string(&self.group);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<AddOffsetsToTxnResponse, Malformed> {
        let response = AddOffsetsToTxnResponse { throttle: r.millis()?, error: r.error_code()? };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &AddOffsetsToTxnResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, theirs, transactional_id};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = AddOffsetsToTxn {
            transactional_id: "x".to_owned(),
            producer_id: 5,
            producer_epoch: 6,
            group: "g".to_owned(),
        };
        check::request(&request, |_| {
            theirs::AddOffsetsToTxnRequest::default()
                .with_transactional_id(transactional_id("x"))
                .with_producer_id(theirs::ProducerId(5))
                .with_producer_epoch(6)
                .with_group_id(group_id("g"))
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<AddOffsetsToTxn, _>(
            |_| theirs::AddOffsetsToTxnResponse::default().with_throttle_time_ms(3).with_error_code(51),
            |_| AddOffsetsToTxnResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::CONCURRENT_TRANSACTIONS,
            },
        );
    }
}
