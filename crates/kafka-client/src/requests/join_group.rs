//! JoinGroup: enter a group, or say that one is still there when it rebalances.

use std::time::Duration;

use bytes::Bytes;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Joins a group. The broker holds the answer back until every member has joined or the rebalance timeout is over:
/// send it with a deadline beyond that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroup {
    /// The group.
    pub group: String,
    /// Without a heartbeat for so long the member is dead.
    pub session_timeout: Duration,
    /// How long the others are waited for.
    pub rebalance_timeout: Duration,
    /// Member id; empty for the first time (the answer MEMBER_ID_REQUIRED then names one).
    pub member: String,
    /// Static instance id (KIP-345).
    pub instance: Option<String>,
    /// Kind of protocol, `consumer` for consumer groups.
    pub protocol_type: String,
    /// Assignors that this member knows, preferred first, with its metadata.
    pub protocols: Vec<GroupProtocol>,
    /// Why, for the broker's log (KIP-800).
    pub reason: Option<String>,
}

/// One assignor with this member's metadata for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupProtocol {
    /// Name.
    pub name: String,
    /// Bytes that the leader will see.
    pub metadata: Bytes,
}

/// Answer to a [`JoinGroup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request.
    pub error: ErrorCode,
    /// The new generation.
    pub generation: i32,
    /// The assignor chosen.
    pub protocol: Option<String>,
    /// Member id of the leader.
    pub leader: String,
    /// This member's id.
    pub member: String,
    /// True where a static leader has to keep the assignment as it is (KIP-814).
    pub skip_assignment: bool,
    /// All members, for the leader only.
    pub members: Vec<JoinedMember>,
}

impl JoinGroupResponse {
    /// True where this member computes the assignment.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader == self.member
    }
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    /// Member id.
    pub member: String,
    /// Static instance id.
    pub instance: Option<String>,
    /// Its metadata for the assignor chosen.
    pub metadata: Bytes,
}

impl Request for JoinGroup {
    type Response = JoinGroupResponse;
    const KEY: ApiKey = ApiKey::JoinGroup;
    const MIN: i16 = 2;
    const MAX: i16 = 9;
    const FLEXIBLE: i16 = 6;

    fn min_version(&self) -> i16 {
        if self.instance.is_some() { 5 } else { Self::MIN }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.string(&self.group);
        w.millis(self.session_timeout);
        w.millis(self.rebalance_timeout);
        w.string(&self.member);
        if w.version() >= 5 {
            w.nullable_string(self.instance.as_deref());
        }
        w.string(&self.protocol_type);
        w.array(&self.protocols, |w, protocol| {
            w.string(&protocol.name);
            w.bytes(&protocol.metadata);
            w.end_struct();
        });
        if w.version() >= 8 {
            w.nullable_string(self.reason.as_deref());
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<JoinGroupResponse, Malformed> {
        let version = r.version();
        let (throttle, error, generation) = (r.millis()?, r.error_code()?, r.i32()?);
        if version >= 7 {
            r.nullable_string()?; // protocol type
        }
        let protocol = r.nullable_string()?;
        let leader = r.string()?;
        let skip_assignment = version >= 9 && r.bool()?;
        let member = r.string()?;
        let members = r.array(|r| {
            let joined = JoinedMember {
                member: r.string()?,
                instance: if version >= 5 { r.nullable_string()? } else { None },
                metadata: r.bytes()?,
            };
            r.end_struct()?;
            Ok(joined)
        })?;
        r.end_struct()?;
        Ok(JoinGroupResponse {
            throttle,
            error,
            generation,
            protocol,
            leader,
            member,
            skip_assignment,
            members,
        })
    }

    fn throttle(response: &JoinGroupResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, text, theirs};

    fn join(instance: Option<&str>) -> JoinGroup {
        JoinGroup {
            group: "g".to_owned(),
            session_timeout: Duration::from_secs(6),
            rebalance_timeout: Duration::from_millis(1500),
            member: "m".to_owned(),
            instance: instance.map(str::to_owned),
            protocol_type: "consumer".to_owned(),
            protocols: vec![GroupProtocol {
                name: "sticky".to_owned(),
                metadata: Bytes::from_static(b"meta"),
            }],
            reason: Some("why".to_owned()),
        }
    }

    #[test]
    fn request_reads_back_in_every_version() {
        let expected = |v: i16| {
            let protocol = theirs::join_group_request::JoinGroupRequestProtocol::default()
                .with_name(text("sticky"))
                .with_metadata(Bytes::from_static(b"meta"));
            theirs::JoinGroupRequest::default()
                .with_group_id(group_id("g"))
                .with_session_timeout_ms(6000)
                .with_rebalance_timeout_ms(1500)
                .with_member_id(text("m"))
                .with_protocol_type(text("consumer"))
                .with_protocols(vec![protocol])
                .with_reason((v >= 8).then(|| text("why")))
        };
        check::request(&join(None), expected);
        assert_eq!(join(Some("i")).min_version(), 5);
        check::request(&join(Some("i")), |v| expected(v).with_group_instance_id(Some(text("i"))));
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<JoinGroup, _>(
            |v| {
                let mut member = theirs::join_group_response::JoinGroupResponseMember::default()
                    .with_member_id(text("m"))
                    .with_metadata(Bytes::from_static(b"meta"));
                if v >= 5 {
                    member.group_instance_id = Some(text("i"));
                }
                let mut written = theirs::JoinGroupResponse::default()
                    .with_throttle_time_ms(3)
                    .with_error_code(79)
                    .with_generation_id(8)
                    .with_protocol_name(Some(text("sticky")))
                    .with_leader(text("m"))
                    .with_member_id(text("m"))
                    .with_members(vec![member]);
                if v >= 7 {
                    written.protocol_type = Some(text("consumer"));
                }
                if v >= 9 {
                    written.skip_assignment = true;
                }
                written
            },
            |v| {
                let instance = (v >= 5).then(|| "i".to_owned());
                JoinGroupResponse {
                    throttle: Duration::from_millis(3),
                    error: ErrorCode::MEMBER_ID_REQUIRED,
                    generation: 8,
                    protocol: Some("sticky".to_owned()),
                    leader: "m".to_owned(),
                    member: "m".to_owned(),
                    skip_assignment: v >= 9,
                    members: vec![JoinedMember {
                        member: "m".to_owned(),
                        instance,
                        metadata: Bytes::from_static(b"meta"),
                    }],
                }
            },
        );
    }
}
