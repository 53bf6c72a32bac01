//! What the leader's log says of a position that it does not hold (R6).

use velostream_core::mutant;
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
    if let Some(deleted) = deleted(position, log_start) {
        return Ok(Some(deleted));
    }
    let end = list_offsets(connection, at, Spec::Latest, any).await?;
    let epoch_end = epoch_end(connection, partition, leader_epoch).await?;
    Ok(truncated(position, end, epoch_end))
}

fn deleted(position: i64, log_start: i64) -> Option<(Gap, i64)> {
    let lost = position < log_start && !mutant!(DeletedRecordsOverlooked);
    lost.then_some((Gap::Deleted { log_start }, log_start))
}

/// `epoch_end` is where the epoch of the last record that was read ends: what lies behind it is not what was there.
fn truncated(position: i64, end: i64, epoch_end: Option<i64>) -> Option<(Gap, i64)> {
    let known = epoch_end.filter(|_| !mutant!(EpochIgnoredAtClaim));
    let end = known.map_or(end, |known| end.min(known));
    (end < position).then_some((Gap::Truncated { end }, end))
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

#[cfg(test)]
mod tests {
    use super::{deleted, truncated};
    use crate::error::Gap;

    #[test]
    fn position_inside_the_log_is_no_loss() {
        assert_eq!(deleted(10, 10), None);
        assert_eq!(truncated(10, 10, None), None);
        assert_eq!(truncated(10, 20, Some(10)), None);
    }

    #[test]
    fn position_below_the_log_start_is_deleted() {
        assert_eq!(deleted(10, 11), Some((Gap::Deleted { log_start: 11 }, 11)));
    }

    #[test]
    fn position_behind_the_end_of_the_log_or_of_its_epoch_is_truncated() {
        assert_eq!(truncated(10, 9, None), Some((Gap::Truncated { end: 9 }, 9)));
        assert_eq!(truncated(55, 80, Some(33)), Some((Gap::Truncated { end: 33 }, 33)));
    }
}
