//! EndTxn: commits or aborts the open transaction.

use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Ends the open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTxn {
    /// The transaction's id.
    pub transactional_id: String,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// True commits, false aborts.
    pub commit: bool,
    /// Highest version to use: [`MAX_V1`](Self::MAX_V1) or [`MAX`](Request::MAX).
    pub max_version: i16,
}

impl EndTxn {
    /// Highest version that keeps the epoch (transaction.version below 2).
    pub const MAX_V1: i16 = 4;
    /// Lowest version that bumps the epoch (KIP-890).
    pub const MIN_V2: i16 = 5;
}

/// Answer to an [`EndTxn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTxnResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request.
    pub error: ErrorCode,
    /// Producer id and epoch of the next transaction (version 5). Sequences start again at 0 when they change.
    pub next: Option<(i64, i16)>,
}

impl Request for EndTxn {
    type Response = EndTxnResponse;
    const KEY: ApiKey = ApiKey::EndTxn;
    const MIN: i16 = 0;
    const MAX: i16 = 5;
    const FLEXIBLE: i16 = 3;

    fn max_version(&self) -> i16 {
        self.max_version
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.transactional_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.commit);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<EndTxnResponse, Malformed> {
        let (throttle, error) = (r.millis()?, r.error_code()?);
        let next = if r.version() >= 5 { Some((r.i64()?, r.i16()?)) } else { None };
        r.end_struct()?;
        // -1 stands beside an error.
        Ok(EndTxnResponse { throttle, error, next: next.filter(|(id, _)| *id >= 0) })
    }

    fn throttle(response: &EndTxnResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, theirs, transactional_id};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = EndTxn {
            transactional_id: "x".to_owned(),
            producer_id: 5,
            producer_epoch: 6,
            commit: true,
            max_version: EndTxn::MAX,
        };
        check::request(&request, |_| {
            theirs::EndTxnRequest::default()
                .with_transactional_id(transactional_id("x"))
                .with_producer_id(theirs::ProducerId(5))
                .with_producer_epoch(6)
                .with_committed(true)
        });
        assert_eq!(EndTxn { max_version: EndTxn::MAX_V1, ..request }.max_version(), 4);
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<EndTxn, _>(
            |v| {
                let written = theirs::EndTxnResponse::default().with_throttle_time_ms(3);
                if v >= 5 {
                    written.with_producer_id(theirs::ProducerId(5)).with_producer_epoch(7)
                } else {
                    written
                }
            },
            |v| EndTxnResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::NONE,
                next: (v >= 5).then_some((5, 7)),
            },
        );
    }

    #[test]
    fn refusal_names_no_next_epoch() {
        check::response::<EndTxn, _>(
            |_| theirs::EndTxnResponse::default().with_error_code(47),
            |_| EndTxnResponse {
                throttle: Duration::ZERO,
                error: ErrorCode::INVALID_PRODUCER_EPOCH,
                next: None,
            },
        );
    }
}
