//! ListOffsets for one partition.

use velostream_kafka_client::{
    ApiKey, Connection, Isolation, ListOffsets, ListOffsetsPartition, ListOffsetsTopic,
};

use crate::error::{Error, Result};

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
