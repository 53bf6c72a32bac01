//! SyncGroup: the leader hands out the assignment, everybody gets their part.

use std::time::Duration;

use bytes::Bytes;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks for one's assignment, or hands out all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// The group.
    pub group: String,
    /// Generation that JoinGroup answered.
    pub generation: i32,
    /// Member id.
    pub member: String,
    /// Static instance id (KIP-345).
    pub instance: Option<String>,
    /// Kind of protocol, as joined with.
    pub protocol_type: String,
    /// The assignor that JoinGroup answered.
    pub protocol: String,
    /// The whole assignment from the leader, else empty.
    pub assignments: Vec<MemberAssignment>,
}

/// One member's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAssignment {
    /// Member id.
    pub member: String,
    /// Bytes that only the members understand.
    pub assignment: Bytes,
}

/// Answer to a [`SyncGroup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request.
    pub error: ErrorCode,
    /// This member's part.
    pub assignment: Bytes,
}

impl Request for SyncGroup {
    type Response = SyncGroupResponse;
    const KEY: ApiKey = ApiKey::SyncGroup;
    const MIN: i16 = 1;
    const MAX: i16 = 5;
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
        if w.version() >= 5 {
            w.nullable_string(Some(&self.protocol_type));
            w.nullable_string(Some(&self.protocol));
        }
        w.array(&self.assignments, |w, part| {
            w.string(&part.member);
            w.bytes(&part.assignment);
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<SyncGroupResponse, Malformed> {
        let (throttle, error) = (r.millis()?, r.error_code()?);
        if r.version() >= 5 {
            r.nullable_string()?; // protocol type
            r.nullable_string()?; // protocol
        }
        let assignment = r.bytes()?;
        r.end_struct()?;
        Ok(SyncGroupResponse { throttle, error, assignment })
    }

    fn throttle(response: &SyncGroupResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = SyncGroup {
            group: "g".to_owned(),
            generation: 8,
            member: "m".to_owned(),
            instance: None,
            protocol_type: "consumer".to_owned(),
            protocol: "sticky".to_owned(),
            assignments: vec![MemberAssignment {
                member: "m".to_owned(),
                assignment: Bytes::from_static(b"part"),
            }],
        };
        check::request(&request, |v| {
            let part = theirs::sync_group_request::SyncGroupRequestAssignment::default()
                .with_member_id(text("m"))
                .with_assignment(Bytes::from_static(b"part"));
            theirs::SyncGroupRequest::default()
                .with_group_id(group_id("g"))
                .with_generation_id(8)
                .with_member_id(text("m"))
                .with_protocol_type((v >= 5).then(|| text("consumer")))
                .with_protocol_name((v >= 5).then(|| text("sticky")))
                .with_assignments(vec![part])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<SyncGroup, _>(
            |v| {
                let written = theirs::SyncGroupResponse::default()
                    .with_throttle_time_ms(3)
                    .with_error_code(27)
                    .with_assignment(Bytes::from_static(b"part"));
                if v >= 5 {
                    written
                        .with_protocol_type(Some(text("consumer")))
                        .with_protocol_name(Some(text("sticky")))
                } else {
                    written
                }
            },
            |_| SyncGroupResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::REBALANCE_IN_PROGRESS,
                assignment: Bytes::from_static(b"part"),
            },
        );
    }
}
