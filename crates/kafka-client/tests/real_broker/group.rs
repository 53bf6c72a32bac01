use std::time::Duration;

use bytes::Bytes;
use velostream_kafka_client::{
    BrokerId, Cluster, CommitPartition, CommitTopic, Connection, CoordinatorKind, DescribeGroups, ErrorCode,
    GroupProtocol, Heartbeat, JoinGroup, JoinGroupResponse, LeaveGroup, LeavingMember, MemberAssignment,
    OffsetCommit, OffsetFetch, Refresh, SyncGroup, TopicPartitions,
};

use super::{AtVersion, cluster, create_topic, delete_topic, unique, versions};

fn join(group: &str, member: &str) -> JoinGroup {
    JoinGroup {
        group: group.to_owned(),
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(5),
        member: member.to_owned(),
        instance: None,
        protocol_type: "consumer".to_owned(),
        protocols: vec![GroupProtocol { name: "p".to_owned(), metadata: Bytes::from_static(b"meta") }],
        reason: Some("test".to_owned()),
    }
}

/// Joins a group as its only member, in one version; the broker names a member id first.
pub(crate) async fn joined(connection: &Connection, group: &str, version: i16) -> JoinGroupResponse {
    let first = loop {
        let first = connection.send(AtVersion(join(group, ""), version)).await.unwrap();
        // On a new cluster FindCoordinator names the broker before it has loaded its log.
        if first.error.refresh() != Refresh::Coordinator {
            break first;
        }
        super::pause().await;
    };
    if first.error.is_ok() {
        return first; // before version 4
    }
    assert_eq!(first.error, ErrorCode::MEMBER_ID_REQUIRED);
    let second = connection.send(AtVersion(join(group, &first.member), version)).await.unwrap();
    second.error.check(connection.broker(), velostream_kafka_client::ApiKey::JoinGroup).unwrap();
    second
}

pub(crate) fn sync(group: &str, joined: &JoinGroupResponse) -> SyncGroup {
    let part = MemberAssignment { member: joined.member.clone(), assignment: Bytes::from_static(b"part") };
    SyncGroup {
        group: group.to_owned(),
        generation: joined.generation,
        member: joined.member.clone(),
        instance: None,
        protocol_type: "consumer".to_owned(),
        protocol: "p".to_owned(),
        assignments: vec![part],
    }
}

pub(crate) fn heartbeat(group: &str, joined: &JoinGroupResponse) -> Heartbeat {
    Heartbeat {
        group: group.to_owned(),
        generation: joined.generation,
        member: joined.member.clone(),
        instance: None,
    }
}

pub(crate) fn leave(group: &str, member: &str) -> LeaveGroup {
    let leaving =
        LeavingMember { member: member.to_owned(), instance: None, reason: Some("test".to_owned()) };
    LeaveGroup { group: group.to_owned(), members: vec![leaving] }
}

pub(crate) async fn coordinator(cluster: &Cluster, kind: CoordinatorKind, key: &str) -> Connection {
    let broker: BrokerId = cluster.coordinator(kind, key).await.unwrap();
    cluster.open(broker).await.unwrap()
}

/// A coordinator that was just elected still loads its log.
pub(crate) async fn offsets(
    connection: &Connection,
    request: OffsetFetch,
) -> velostream_kafka_client::OffsetFetchResponse {
    loop {
        let response = connection.send(request.clone()).await.unwrap();
        if response.error.refresh() != Refresh::Coordinator {
            return response;
        }
        super::pause().await;
    }
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn member_joins_syncs_lives_and_leaves_in_every_version() {
    let cluster = cluster().await;
    let group = unique("group");
    let connection = coordinator(&cluster, CoordinatorKind::Group, &group).await;
    for version in versions(&connection, &join(&group, "")) {
        let joined = joined(&connection, &group, version).await;
        assert!(joined.is_leader(), "version {version}");
        assert_eq!(joined.members[0].metadata, "meta");
        for version in versions(&connection, &sync(&group, &joined)) {
            let synced = connection.send(AtVersion(sync(&group, &joined), version)).await.unwrap();
            assert_eq!(
                (synced.error, &*synced.assignment),
                (ErrorCode::NONE, &b"part"[..]),
                "version {version}"
            );
        }
        for version in versions(&connection, &heartbeat(&group, &joined)) {
            let beat = connection.send(AtVersion(heartbeat(&group, &joined), version)).await.unwrap();
            assert!(beat.error.is_ok(), "version {version}");
        }
        let stale = Heartbeat { generation: joined.generation + 1, ..heartbeat(&group, &joined) };
        assert_eq!(connection.send(stale).await.unwrap().error, ErrorCode::ILLEGAL_GENERATION);
        let request = DescribeGroups { groups: vec![group.clone()] };
        for version in versions(&connection, &request) {
            let described = connection.send(AtVersion(request.clone(), version)).await.unwrap();
            assert_eq!(described.groups[0].state, "Stable", "version {version}");
            assert_eq!(described.groups[0].members[0].member, joined.member);
        }
        let request = leave(&group, &joined.member);
        let leave_versions = versions(&connection, &request);
        for (nth, version) in leave_versions.into_iter().enumerate() {
            let left = connection.send(AtVersion(request.clone(), version)).await.unwrap();
            let expected = if nth == 0 { ErrorCode::NONE } else { ErrorCode::UNKNOWN_MEMBER_ID };
            assert_eq!(left.members[0].error, expected, "version {version}");
        }
        let beat = connection.send(heartbeat(&group, &joined)).await.unwrap();
        assert_eq!(beat.error, ErrorCode::UNKNOWN_MEMBER_ID);
    }
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn offsets_committed_in_every_version_are_fetched_in_every_version() {
    let cluster = cluster().await;
    let (group, topic) = (unique("group"), unique("committed"));
    create_topic(&cluster, &topic).await;
    let connection = coordinator(&cluster, CoordinatorKind::Group, &group).await;
    let commit = |offset| {
        let partition =
            CommitPartition { partition: 1, offset, leader_epoch: 3, metadata: Some("m".to_owned()) };
        let topics = vec![CommitTopic { topic: topic.clone(), partitions: vec![partition] }];
        OffsetCommit { group: group.clone(), generation: -1, member: String::new(), topics }
    };
    let fetch = OffsetFetch {
        group: group.clone(),
        topics: Some(vec![TopicPartitions { topic: topic.clone(), partitions: vec![0, 1] }]),
        require_stable: true,
    };
    assert!(offsets(&connection, fetch.clone()).await.partitions.iter().all(|p| p.offset.is_none()));
    for version in versions(&connection, &commit(0)) {
        let response = connection.send(AtVersion(commit(i64::from(version)), version)).await.unwrap();
        response.partitions[0]
            .check(connection.broker(), velostream_kafka_client::ApiKey::OffsetCommit)
            .unwrap();
        for fetch_version in versions(&connection, &fetch) {
            let found = connection.send(AtVersion(fetch.clone(), fetch_version)).await.unwrap();
            assert!(found.error.is_ok());
            assert_eq!(found.partitions[0].offset, None);
            let (partition, epoch) = (&found.partitions[1], if version >= 6 { 3 } else { -1 });
            assert_eq!((partition.offset, partition.leader_epoch), (Some(i64::from(version)), epoch));
            assert_eq!(partition.metadata.as_deref(), Some("m"));
        }
    }
    let all = OffsetFetch { topics: None, ..fetch };
    assert_eq!(offsets(&connection, all).await.partitions.len(), 1);
    delete_topic(&cluster, &topic).await;
}
