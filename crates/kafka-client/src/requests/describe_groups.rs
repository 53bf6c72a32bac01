//! DescribeGroups: who is in a classic group.

use std::time::Duration;

use bytes::Bytes;

use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks a coordinator about its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeGroups {
    /// The groups.
    pub groups: Vec<String>,
}

/// Answer to a [`DescribeGroups`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeGroupsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each group.
    pub groups: Vec<DescribedGroup>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Its error.
    pub error: ErrorCode,
    /// The group.
    pub group: String,
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty` or `Dead`.
    pub state: String,
    /// The assignor in force.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

impl DescribedGroup {
    /// `Ok` where the group has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the group.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        self.error.check(broker, ApiKey::DescribeGroups).map_err(|e| e.of(&*self.group))
    }
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedMember {
    /// Member id.
    pub member: String,
    /// Static instance id.
    pub instance: Option<String>,
    /// Client id.
    pub client_id: String,
    /// Address that it joined from.
    pub host: String,
    /// Its metadata for the assignor.
    pub metadata: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

impl Request for DescribeGroups {
    type Response = DescribeGroupsResponse;
    const KEY: ApiKey = ApiKey::DescribeGroups;
    const MIN: i16 = 1;
    const MAX: i16 = 5;
    const FLEXIBLE: i16 = 5;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.groups, |w, group| w.string(group));
        if w.version() >= 3 {
            w.bool(false); // authorized operations
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<DescribeGroupsResponse, Malformed> {
        let version = r.version();
        let throttle = r.millis()?;
        let groups = r.array(|r| {
            let (error, group, state) = (r.error_code()?, r.string()?, r.string()?);
            r.string()?; // protocol type
            let protocol = r.string()?;
            let members = r.array(read_member)?;
            if version >= 3 {
                r.i32()?; // authorized operations
            }
            r.end_struct()?;
            Ok(DescribedGroup { error, group, state, protocol, members })
        })?;
        r.end_struct()?;
        Ok(DescribeGroupsResponse { throttle, groups })
    }

    fn throttle(response: &DescribeGroupsResponse) -> Duration {
        response.throttle
    }
}

fn read_member(r: &mut Reader) -> Result<DescribedMember, Malformed> {
    let member = DescribedMember {
        member: r.string()?,
        instance: if r.version() >= 4 { r.nullable_string()? } else { None },
        client_id: r.string()?,
        host: r.string()?,
        metadata: r.bytes()?,
        assignment: r.bytes()?,
    };
    r.end_struct()?;
    Ok(member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, group_id, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        check::request(&DescribeGroups { groups: vec!["g".to_owned()] }, |_| {
            theirs::DescribeGroupsRequest::default().with_groups(vec![group_id("g")])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::describe_groups_response as d;
        check::response::<DescribeGroups, _>(
            |v| {
                let mut member = d::DescribedGroupMember::default()
                    .with_member_id(text("m"))
                    .with_client_id(text("c"))
                    .with_client_host(text("h"))
                    .with_member_metadata(Bytes::from_static(b"meta"))
                    .with_member_assignment(Bytes::from_static(b"part"));
                if v >= 4 {
                    member.group_instance_id = Some(text("i"));
                }
                let group = d::DescribedGroup::default()
                    .with_group_id(group_id("g"))
                    .with_group_state(text("Stable"))
                    .with_protocol_type(text("consumer"))
                    .with_protocol_data(text("sticky"))
                    .with_members(vec![member]);
                theirs::DescribeGroupsResponse::default().with_throttle_time_ms(3).with_groups(vec![group])
            },
            |v| {
                let member = DescribedMember {
                    member: "m".to_owned(),
                    instance: (v >= 4).then(|| "i".to_owned()),
                    client_id: "c".to_owned(),
                    host: "h".to_owned(),
                    metadata: Bytes::from_static(b"meta"),
                    assignment: Bytes::from_static(b"part"),
                };
                let group = DescribedGroup {
                    error: ErrorCode::NONE,
                    group: "g".to_owned(),
                    state: "Stable".to_owned(),
                    protocol: "sticky".to_owned(),
                    members: vec![member],
                };
                DescribeGroupsResponse { throttle: Duration::from_millis(3), groups: vec![group] }
            },
        );
    }
}
