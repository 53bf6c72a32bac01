//! What the leader's log says of a position that it does not hold (R6).

use velostream_kafka_client::{Connection, EpochPartition, EpochTopic, Isolation, OffsetForLeaderEpoch};

use super::partition::Partition;
use crate::error::{Error, Gap, Result};
use crate::offsets::{Spec, list_offsets};

/// How records in front of the position were lost, and where reading could go on; `None` where none were.
/// `leader_epoch` is the epoch of the leader at `connection`: one that was replaced without knowing it must not be
/// believed, since with `gap_policy: continue` reading would go back to where its log ends.
pub(super) async fn find_loss(
    connection: &Connection,
    partition: &Partition,
    leader_epoch: i32,
) -> Result<Option<(Gap, i64)>> {
    let source = &partition.source;
    let position = partition.position;
    let any = Isolation::ReadUncommitted;
    let at = (&*source.topic, source.partition, leader_epoch);
    let log_start = list_offsets(connection, at, Spec::Earliest, any).await?;
    if position < log_start {
        return Ok(Some((Gap::Deleted { log_start }, log_start)));
    }
    let end = list_offsets(connection, at, Spec::Latest, any).await?;
    let end = match epoch_end(connection, partition, leader_epoch).await? {
        Some(epoch_end) => end.min(epoch_end),
        None => end,
    };
    Ok((end < position).then_some((Gap::Truncated { end }, end)))
}

/// Where the epoch of the last record that was read ends; `None` where it is unknown.
async fn epoch_end(connection: &Connection, partition: &Partition, leader_epoch: i32) -> Result<Option<i64>> {
    if partition.last_epoch < 0 {
        return Ok(None);
    }
    let source = &partition.source;
    let wanted = EpochPartition {
        partition: source.partition,
        current_leader_epoch: leader_epoch,
        leader_epoch: partition.last_epoch,
    };
    let request = OffsetForLeaderEpoch {
        topics: vec![EpochTopic { topic: source.topic.to_string(), partitions: vec![wanted] }],
    };
    let context = || format!("source {source}: end of epoch {}", partition.last_epoch);
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    let Some(found) = answer.partitions.first() else { return Ok(None) };
    found.check(connection.broker()).map_err(Error::client(context()))?;
    Ok((found.end_offset >= 0).then_some(found.end_offset))
}
