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
