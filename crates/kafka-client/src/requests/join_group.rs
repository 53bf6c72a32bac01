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
