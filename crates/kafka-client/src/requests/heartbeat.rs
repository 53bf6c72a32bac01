//! Heartbeat: a member lives, and learns that its group rebalances.

use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Says that a member lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The group.
    pub group: String,
    /// Generation.
    pub generation: i32,
    /// Member id.
    pub member: String,
    /// Static instance id (KIP-345).
    pub instance: Option<String>,
}

/// Answer to a [`Heartbeat`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// REBALANCE_IN_PROGRESS: join again. UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION: membership is lost.
    pub error: ErrorCode,
}

impl Request for Heartbeat {
    type Response = HeartbeatResponse;
    const KEY: ApiKey = ApiKey::Heartbeat;
    const MIN: i16 = 1;
    const MAX: i16 = 4;
    const FLEXIBLE: i16 = 4;

    fn min_version(&self) -> i16 {
        if self.instance.is_some() { 3 } else { Self::MIN }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.group);
        w.i32(self.generation);
        w.string(&self.member);
        if w.version() >= 3 {
            w.nullable_string(self.instance.as_deref());
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<HeartbeatResponse, Malformed> {
        let response = HeartbeatResponse { throttle: r.millis()?, error: r.error_code()? };
        r.end_struct()?;
        Ok(response)
    }

    fn throttle(response: &HeartbeatResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        let request =
            Heartbeat { group: "g".to_owned(), generation: 8, member: "m".to_owned(), instance: None };
        let expected = || {
            theirs::HeartbeatRequest::default()
                .with_group_id(group_id("g"))
                .with_generation_id(8)
                .with_member_id(text("m"))
        };
        check::request(&request, |_| expected());
        let request = Heartbeat { instance: Some("i".to_owned()), ..request };
        check::request(&request, |_| expected().with_group_instance_id(Some(text("i"))));
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<Heartbeat, _>(
            |_| theirs::HeartbeatResponse::default().with_throttle_time_ms(3).with_error_code(25),
            |_| HeartbeatResponse { throttle: Duration::from_millis(3), error: ErrorCode::UNKNOWN_MEMBER_ID },
        );
    }
}
