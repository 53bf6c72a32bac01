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
