//! InitProducerId: a producer id and epoch; fences whoever used the transactional id before (KIP-98, KIP-360).

use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks for a producer id and an epoch above every earlier one; an open transaction of the id is aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitProducerId {
    /// The id; `None` for an idempotent producer without transactions.
    pub transactional_id: Option<String>,
    /// After this time from its start the broker aborts a transaction by itself.
    pub timeout: Duration,
    /// The producer id held so far, -1 for none: with it the broker fences only if nobody else came between (KIP-360,
    /// version 3).
    pub producer_id: i64,
    /// The epoch held so far, -1 for none.
    pub producer_epoch: i16,
}

/// Answer to an [`InitProducerId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request. CONCURRENT_TRANSACTIONS: the epoch is bumped already, the abort is on its way.
    pub error: ErrorCode,
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

impl Request for InitProducerId {
    type Response = InitProducerIdResponse;
    const KEY: ApiKey = ApiKey::InitProducerId;
    const MIN: i16 = 0;
    const MAX: i16 = 5;
    const FLEXIBLE: i16 = 2;

    fn min_version(&self) -> i16 {
        if self.producer_id >= 0 { 3 } else { Self::MIN }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.nullable_string(self.transactional_id.as_deref());
        w.millis(self.timeout);
        if w.version() >= 3 {
            w.i64(self.producer_id);
            w.i16(self.producer_epoch);
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<InitProducerIdResponse, Malformed> {
        let response = InitProducerIdResponse {
            throttle: r.millis()?,
            error: r.error_code()?,
            producer_id: r.i64()?,
            producer_epoch: r.i16()?,
        };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &InitProducerIdResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, theirs, transactional_id};

    fn init(producer_id: i64, producer_epoch: i16) -> InitProducerId {
        let timeout = Duration::from_secs(10);
        InitProducerId { transactional_id: Some("x".to_owned()), timeout, producer_id, producer_epoch }
    }

    #[test]
    fn request_reads_back_in_every_version() {
        let expected = |id, epoch| {
            theirs::InitProducerIdRequest::default()
                .with_transactional_id(Some(transactional_id("x")))
                .with_transaction_timeout_ms(10_000)
                .with_producer_id(theirs::ProducerId(id))
                .with_producer_epoch(epoch)
        };
        check::request(&init(-1, -1), |_| expected(-1, -1));
        assert_eq!(init(5, 6).min_version(), 3);
        check::request(&init(5, 6), |_| expected(5, 6));
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<InitProducerId, _>(
            |_| {
                theirs::InitProducerIdResponse::default()
                    .with_throttle_time_ms(3)
                    .with_error_code(51)
                    .with_producer_id(theirs::ProducerId(5))
                    .with_producer_epoch(6)
            },
            |_| InitProducerIdResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::CONCURRENT_TRANSACTIONS,
                producer_id: 5,
                producer_epoch: 6,
            },
        );
    }
}
