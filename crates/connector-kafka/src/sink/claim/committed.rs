//! What the group's offsets say of the claimed splits: a hint where to read, and a cross-check.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::warn;
use velostream_core::Claim;
use velostream_kafka_client::FetchedOffset;
use velostream_protocol::kafka_lane::Barrier;

use super::barriers::Barriers;
use super::{ROUND_PAUSE, give_up_after};
use crate::error::{Error, Result};
use crate::membership::GroupToken;
use crate::offsets::{group_coordinator, group_offsets};
use crate::sink::coordinator::Hint;
use crate::sink::hanging::{Looks, group_offsets_partition};
use crate::sink::outgoing::offset_of;
use crate::sink::owner::Owner;

/// How often, and how far apart, offsets that differ are looked at again. A coordinator that was paused and replaced
/// answers old values until it learns of it: about 100 ms on Kafka 4.3.1, longer on a busy machine.
const LOOKS_AGAIN: u32 = 20;
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// What the group's offsets say of a split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Committed {
    pub(super) offset: i64,
    pub(super) hint: Hint,
}

/// Offsets of the group. Not linearizable, so only a hint and a cross-check: a coordinator that was replaced may
/// still answer what was true before. With `lanes`, the lanes that may hold them open, it waits for their end.
pub(super) async fn committed_offsets(
    owner: &mut Owner,
    lanes: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<i32, Committed>> {
    let coordinator = group_coordinator(owner.connections.cluster(), &owner.names).await?;
    let partitions: Vec<i32> = owner.splits.values().map(|s| s.journal.partition).collect();
    let started = owner.clock.monotonic();
    let mut looks = Looks::new();
    loop {
        let found = group_offsets(&coordinator, &owner.names, partitions.clone(), lanes.is_some()).await?;
        if let Some(found) = found {
            let committed = |found: FetchedOffset| {
                let hint = Hint::decode(found.metadata.as_deref());
                Some((found.partition, Committed { offset: found.offset?, hint }))
            };
            return Ok(found.into_iter().filter_map(committed).collect());
        }
        give_up_after(owner, started, partitions.len(), "a transaction holds the group's offsets open")
            .map_err(|e| looks.left.take().unwrap_or(e))?;
        if let Some(lanes) = lanes {
            let offsets = [group_offsets_partition(owner).await?];
            let waited = owner.clock.monotonic().saturating_sub(started);
            looks.look(owner, waited, &offsets, lanes).await?;
        }
        owner.clock.sleep(ROUND_PAUSE).await;
    }
}

/// The group's offsets are committed in the same transactions as progress. Where they differ although this lane is
/// the confirmed owner, either the journal lost the progress that the offset names, or somebody has reset the offsets
/// by hand, and only an operator knows which of the two is meant.
///
/// # Errors
/// [`Error::SinkWentBack`] (Corrupt) for the first, [`Error::OffsetsReset`] (Reject) for the second; of brokers.
pub(super) async fn cross_check(
    owner: &mut Owner,
    token: &GroupToken,
    claims: &[Claim],
    barriers: &Barriers,
) -> Result<BTreeMap<i32, Committed>> {
    let mut looks = 0;
    loop {
        let committed = committed_offsets(owner, Some(&barriers.lanes)).await?;
        let Some(difference) = difference(owner, claims, &committed, barriers) else { return Ok(committed) };
        if looks == LOOKS_AGAIN {
            return Err(difference);
        }
        if looks == 0 {
            warn!(%difference, "looking again: the coordinator may have answered an old value");
        }
        looks += 1;
        owner.clock.sleep(LOOK_PAUSE).await;
        owner.membership.confirm(&token.member).await?;
    }
}

fn difference(
    owner: &Owner,
    claims: &[Claim],
    committed: &BTreeMap<i32, Committed>,
    barriers: &Barriers,
) -> Option<Error> {
    claims.iter().find_map(|claim| {
        let split = owner.splits.get(&claim.split)?;
        // No offset is no difference: the broker forgets the offsets of a group that was empty for long.
        let found = committed.get(&split.journal.partition)?;
        let progress = offset_of(&claim.position);
        let partition = split.journal.partition;
        let barrier = barriers.by_partition.get(&partition).and_then(Barrier::recovered);
        let newest = barrier.and_then(|r| r.progress).map_or(-1, |(offset, _)| offset);
        // Compaction keeps the newest progress, so that one which is older than the named one means loss.
        if found.offset != progress && found.hint.progress_at > newest {
            let at = found.hint.progress_at;
            let newest = if newest < 0 { "none".to_owned() } else { format!("the one at offset {newest}") };
            let what =
                format!("the progress at offset {at} was committed, but the newest that is left is {newest}");
            return Some(Error::SinkWentBack { destination: split.journal.to_string(), what });
        }
        (found.offset != progress).then(|| Error::OffsetsReset {
            split: claim.split.clone(),
            group: owner.names.group(),
            progress,
            committed: found.offset,
        })
    })
}
