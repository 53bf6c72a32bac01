//! Offsets that brokers are asked for: ListOffsets for one partition, and what the job's group has committed.

use velostream_kafka_client::{
    ApiKey, Cluster, Connection, CoordinatorKind, ErrorCode, FetchedOffset, Isolation, ListOffsets,
    ListOffsetsPartition, ListOffsetsTopic, OffsetFetch, TopicPartitions,
};

use crate::error::{Error, Result};
use crate::names::Names;

/// Which offset is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spec {
    /// First offset that is left (-2 on the wire).
    Earliest,
    /// End of the log, or the last stable offset where committed data is read (-1 on the wire).
    Latest,
    /// First record at or after this time, milliseconds since the Unix epoch.
    Timestamp(i64),
}

/// Asks the leader at `connection`, whose epoch is `leader_epoch` (-1 where it does not matter): a leader that was
/// replaced and does not know it refuses an epoch newer than its own (KIP-320). -1 where no record is that young.
pub(crate) async fn list_offsets(
    connection: &Connection,
    (topic, partition, leader_epoch): (&str, i32, i32),
    spec: Spec,
    isolation: Isolation,
) -> Result<i64> {
    let timestamp_ms = match spec {
        Spec::Earliest => -2,
        Spec::Latest => -1,
        Spec::Timestamp(ms) => ms,
    };
    let request = ListOffsets {
        isolation,
        topics: vec![ListOffsetsTopic {
            topic: topic.to_owned(),
            partitions: vec![ListOffsetsPartition {
                partition,
                current_leader_epoch: leader_epoch,
                timestamp_ms,
            }],
        }],
    };
    let context = || format!("offsets of {topic}-{partition}");
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    let found = answer
        .partitions
        .iter()
        .find(|p| p.partition == partition)
        .ok_or(Error::Defect("a ListOffsets answer without the partition that was asked for"))?;
    found.error.check(connection.broker(), ApiKey::ListOffsets).map_err(Error::client(context()))?;
    Ok(found.offset)
}

/// A connection to the coordinator of the job's group.
pub(crate) async fn group_coordinator(cluster: &Cluster, names: &Names) -> Result<Connection> {
    let group = names.group();
    let context = || format!("offsets of group {group}");
    let broker =
        cluster.coordinator(CoordinatorKind::Group, &group).await.map_err(Error::client(context()))?;
    cluster.open(broker).await.map_err(Error::client(context()))
}

/// What the job's group has committed for these partitions of the journal. With `require_stable`, `None` while a
/// transaction holds one of them open (KIP-447). Not linearizable: a coordinator that was replaced and does not know it
/// answers what was true before.
pub(crate) async fn group_offsets(
    coordinator: &Connection,
    names: &Names,
    partitions: Vec<i32>,
    require_stable: bool,
) -> Result<Option<Vec<FetchedOffset>>> {
    let group = names.group();
    let context = || format!("offsets of group {group}");
    let topics = Some(vec![TopicPartitions { topic: names.journal(), partitions }]);
    let request = OffsetFetch { group: group.clone(), topics, require_stable };
    let answer = coordinator.send(request).await.map_err(Error::client(context()))?;
    let check = |code: ErrorCode| {
        code.check(coordinator.broker(), ApiKey::OffsetFetch).map_err(Error::client(context()))
    };
    check(answer.error)?;
    if answer.partitions.iter().any(|p| p.error == ErrorCode::UNSTABLE_OFFSET_COMMIT) {
        return Ok(None);
    }
    for found in &answer.partitions {
        check(found.error)?;
    }
    Ok(Some(answer.partitions))
}
