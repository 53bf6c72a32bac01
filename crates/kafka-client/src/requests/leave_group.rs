//! LeaveGroup: members go, so that nobody waits for their session to end.

use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Takes members out of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveGroup {
    /// The group.
    pub group: String,
    /// Who goes.
    pub members: Vec<LeavingMember>,
}

/// A member that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// Member id.
    pub member: String,
    /// Static instance id (KIP-345).
    pub instance: Option<String>,
    /// Why, for the broker's log (KIP-800, version 5).
    pub reason: Option<String>,
}

/// Answer to a [`LeaveGroup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the whole request.
    pub error: ErrorCode,
    /// Each member with its error.
    pub members: Vec<LeftMember>,
}

/// One member of a [`LeaveGroupResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftMember {
    /// Member id.
    pub member: String,
    /// Its error; UNKNOWN_MEMBER_ID where it was gone already.
    pub error: ErrorCode,
}

impl Request for LeaveGroup {
    type Response = LeaveGroupResponse;
    const KEY: ApiKey = ApiKey::LeaveGroup;
    // Version 3 (Kafka 2.4) is the first that takes a list.
    const MIN: i16 = 3;
    const MAX: i16 = 5;
    const FLEXIBLE: i16 = 4;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.group);
        w.array(&self.members, |w, m| {
            w.string(&m.member);
            w.nullable_string(m.instance.as_deref());
            if w.version() >= 5 {
                w.nullable_string(m.reason.as_deref());
            }
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<LeaveGroupResponse, Malformed> {
        let (throttle, error) = (r.millis()?, r.error_code()?);
        let members = r.array(|r| {
            let member = r.string()?;
            r.nullable_string()?; // instance
            let left = LeftMember { member, error: r.error_code()? };
            r.end_struct()?;
            Ok(left)
        })?;
        r.end_struct()?;
        Ok(LeaveGroupResponse { throttle, error, members })
    }

    fn throttle(response: &LeaveGroupResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        let leaving = LeavingMember {
            member: "m".to_owned(),
            instance: Some("i".to_owned()),
            reason: Some("why".to_owned()),
        };
        check::request(&LeaveGroup { group: "g".to_owned(), members: vec![leaving] }, |v| {
            let member = theirs::leave_group_request::MemberIdentity::default()
                .with_member_id(text("m"))
                .with_group_instance_id(Some(text("i")))
                .with_reason((v >= 5).then(|| text("why")));
            theirs::LeaveGroupRequest::default().with_group_id(group_id("g")).with_members(vec![member])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<LeaveGroup, _>(
            |_| {
                let member = theirs::leave_group_response::MemberResponse::default()
                    .with_member_id(text("m"))
                    .with_error_code(25);
                theirs::LeaveGroupResponse::default().with_throttle_time_ms(3).with_members(vec![member])
            },
            |_| LeaveGroupResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::NONE,
                members: vec![LeftMember { member: "m".to_owned(), error: ErrorCode::UNKNOWN_MEMBER_ID }],
            },
        );
    }
}
