//! Requests of one member to the group coordinator.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use velostream_kafka_client::{
    ApiKey, Cluster, Connection, CoordinatorKind, ErrorCode, GroupProtocol, Heartbeat, JoinGroup,
    JoinGroupResponse, LeaveGroup, LeavingMember, MemberAssignment, SyncGroup,
};
use velostream_protocol::kafka_lane::Member;

use super::messages::PROTOCOL;
use crate::config::SinkConfig;
use crate::error::{Error, Result};

/// Speaks for one worker on one connection.
#[derive(Debug, Clone)]
pub(super) struct GroupClient {
    cluster: Cluster,
    group: String,
    config: Arc<SinkConfig>,
    connection: Connection,
}

impl GroupClient {
    /// Finds the coordinator and connects.
    pub(super) async fn connect(cluster: &Cluster, group: &str, config: &Arc<SinkConfig>) -> Result<Self> {
        let context = || format!("coordinator of group {group}");
        let broker =
            cluster.coordinator(CoordinatorKind::Group, group).await.map_err(Error::client(context()))?;
        let connection = cluster.open(broker).await.map_err(Error::client(context()))?;
        Ok(Self { cluster: cluster.clone(), group: group.to_owned(), config: Arc::clone(config), connection })
    }

    fn context(&self, what: &str) -> String {
        format!("group {}: {what}", self.group)
    }

    /// Joins; the answer comes when every member has joined or the rebalance timeout is over.
    pub(super) async fn join(&self, member_id: &str, metadata: Vec<u8>) -> Result<JoinGroupResponse> {
        let request = JoinGroup {
            group: self.group.clone(),
            session_timeout: self.config.session_timeout,
            rebalance_timeout: self.config.rebalance_timeout,
            member: member_id.to_owned(),
            instance: None,
            protocol_type: "consumer".to_owned(),
            protocols: vec![GroupProtocol { name: PROTOCOL.to_owned(), metadata: metadata.into() }],
            reason: None,
        };
        // The broker may hold the answer for the rebalance timeout, and 3 s more for the first member of a group
        // (group.initial.rebalance.delay.ms), or a session for a member that died.
        let patience =
            self.config.session_timeout * 2 + self.config.rebalance_timeout + Duration::from_secs(5);
        self.connection.send_within(request, patience).await.map_err(Error::client(self.context("join")))
    }

    /// Hands the leader's shares in (empty for all others) and gets the own one.
    pub(super) async fn sync(
        &self,
        member: &Member,
        shares: Vec<(String, Vec<u8>)>,
    ) -> Result<(ErrorCode, Bytes)> {
        let assignments = shares
            .into_iter()
            .map(|(member, share)| MemberAssignment { member, assignment: share.into() })
            .collect();
        let request = SyncGroup {
            group: self.group.clone(),
            generation: member.generation,
            member: member.member_id.clone(),
            instance: None,
            protocol_type: "consumer".to_owned(),
            protocol: PROTOCOL.to_owned(),
            assignments,
        };
        let patience = self.config.session_timeout + self.config.rebalance_timeout;
        let answer = self
            .connection
            .send_within(request, patience)
            .await
            .map_err(Error::client(self.context("sync")))?;
        Ok((answer.error, answer.assignment))
    }

    pub(super) async fn heartbeat(&self, member: &Member) -> Result<ErrorCode> {
        let request = Heartbeat {
            group: self.group.clone(),
            generation: member.generation,
            member: member.member_id.clone(),
            instance: None,
        };
        let answer = self.connection.send(request).await.map_err(Error::client(self.context("heartbeat")))?;
        Ok(answer.error)
    }

    /// Says farewell for a member id, on a connection of its own: a join on the first one may be waiting.
    pub(super) async fn leave(&self, member_id: &str, reason: &str) -> Result<()> {
        let fresh = Self::connect(&self.cluster, &self.group, &self.config).await?;
        let request = LeaveGroup {
            group: self.group.clone(),
            members: vec![LeavingMember {
                member: member_id.to_owned(),
                instance: None,
                reason: Some(reason.to_owned()),
            }],
        };
        let answer = fresh.connection.send(request).await.map_err(Error::client(self.context("leave")))?;
        answer
            .error
            .check(fresh.connection.broker(), ApiKey::LeaveGroup)
            .map_err(Error::client(self.context("leave")))
    }

    /// An error code of the coordinator as an error.
    pub(super) fn refused(&self, what: &str, code: ErrorCode, api: ApiKey) -> Error {
        Error::client(self.context(what))(code.into_error(self.connection.broker(), api))
    }
}
