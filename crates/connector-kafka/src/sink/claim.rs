//! Taking splits over: claim, fence, read past the own claim (see `docs/PROTOCOL.md`, "Claim").

mod barriers;
mod committed;
mod destination;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;
use velostream_core::{BatchId, Claim, SourcePosition, SplitId};
use velostream_kafka_batch::{Batch, WriteOptions, write_batch};
use velostream_kafka_client::{
    ApiKey, BrokerId, ErrorCode, Produce, ProducePartition, ProduceTopic, Segments,
};
use velostream_protocol::kafka_lane::{Barrier, Fence};

use self::barriers::{Barriers, Pass};
use self::committed::{committed_offsets, cross_check};
use super::fence::fence;
use super::hanging::{self, Looks};
use super::outgoing::Target;
use super::owner::Owner;
use super::split::ClaimedSplit;
use crate::error::{Error, Result};
use crate::journal::reader::Reading;
use crate::journal::{ClaimRecord, Entry};
use crate::membership::GroupToken;

/// Pause between rounds while an open transaction of an earlier owner is being ended.
const ROUND_PAUSE: Duration = Duration::from_millis(2);
/// Pause before a partition without a leader is tried again.
const LEADER_PAUSE: Duration = Duration::from_millis(20);

/// Claims `splits` for `owner` under the membership of `token`.
///
/// # A journal that went back
///
/// An unclean leader election can take committed records of the journal away. Delivering again what their progress
/// named would be silent, so that every way to see it is a named error ([`Error::SinkWentBack`]), none of them a matter
/// of waiting:
///
/// * The claim is acknowledged by all in-sync replicas, so that its offset is true where a Fetch may be answered by a
///   leader that was replaced. If it is not above the offset of a progress that the group's offsets name
///   (same transaction, other topic), that progress is gone.
/// * If the journal has grown past that offset again, the progress found in front of the claim is older than the
///   group's offsets say (`committed.rs`).
/// * A running lane compares the offset of each of its progress records with that of the one before (`lane.rs`).
/// * A journal partition that lost its descriptor too is seen by the registrar (`registry.rs`).
///
/// Where the group's offsets were lost as well there is nothing left to compare with.
pub(super) async fn claim(owner: &mut Owner, token: &GroupToken, splits: &[SplitId]) -> Result<Vec<Claim>> {
    let claimed = try_claim(owner, token, splits).await;
    if claimed.is_err() {
        // Most of what goes wrong is a leader that moved.
        let targets = owner.splits.values().flat_map(|split| [&split.journal, &split.target]);
        let topics: BTreeSet<&str> = targets.map(|target| &*target.topic).collect();
        topics.into_iter().for_each(|topic| owner.connections.cluster().invalidate_topic(topic));
        hanging::forget_leaders(owner);
    }
    claimed
}

async fn try_claim(owner: &mut Owner, token: &GroupToken, splits: &[SplitId]) -> Result<Vec<Claim>> {
    let journal: Arc<str> = owner.names.journal().into();
    owner.splits.clear();
    for split in splits {
        let (index, descriptor) =
            token.split(split).ok_or(Error::Defect("a split that the assignment does not name"))?;
        owner.splits.insert(split.clone(), ClaimedSplit::new(index, descriptor, &journal));
    }
    // A zombie's claim would fence the healthy owner: the membership is confirmed right before it.
    owner.membership.confirm(&token.member).await?;
    let hints = committed_offsets(owner, None).await?;
    let claimed = append_claims(owner, token.member.generation).await?;
    for split in owner.splits.values_mut() {
        let (partition, offset) = (split.journal.partition, claimed.get(&split.journal.partition));
        let hint = hints.get(&partition).map_or(-1, |c| c.hint.progress_at);
        split.appended_claim(offset.copied().unwrap_or(-1), hint)?;
    }
    let mut barriers = Barriers::new(owner, &claimed);
    let from: BTreeMap<i32, i64> =
        claimed.keys().map(|p| (*p, hints.get(p).map_or(0, |c| c.hint.progress_at.max(0)))).collect();
    for pass in [Pass::Uncommitted, Pass::CommittedSoFar] {
        read(owner, &from, pass, &mut barriers).await?;
    }
    fence_earlier_owners(owner, &barriers).await;
    read(owner, &from, Pass::CommittedToBarrier, &mut barriers).await?;
    let targets: Vec<Target> = owner.splits.values().map(|s| s.target.clone()).collect();
    hanging::clear(owner, &targets, &barriers.lanes).await?;
    let mut claims = Vec::new();
    for split in splits {
        claims.push(settle(owner, token, &barriers, split)?);
    }
    let committed = cross_check(owner, token, &claims, &barriers).await?;
    for split in splits {
        destination::check(owner, split, &committed).await?;
    }
    Ok(claims)
}

/// A claim or progress record as the only record of a batch.
pub(super) fn journal_batch(entry: &Entry, timestamp_ms: i64) -> Result<Batch> {
    let broken =
        |e: velostream_kafka_batch::Error| Error::Journal { partition: -1, offset: -1, what: e.to_string() };
    let record = entry.to_record(timestamp_ms)?;
    let bytes = write_batch(std::slice::from_ref(&record), WriteOptions::default()).map_err(broken)?;
    Batch::parse(bytes).map_err(broken)
}

/// Appends a claim to every split's journal partition, outside any transaction, acknowledged by all replicas.
/// Returns the offset of each. A repeated append after a lost reply only moves the barrier.
async fn append_claims(owner: &mut Owner, generation: i32) -> Result<BTreeMap<i32, i64>> {
    let record =
        ClaimRecord { lane: owner.id.clone(), worker: owner.names.instance().to_string(), generation };
    let batch = journal_batch(&Entry::Claim(record), owner.clock.unix_ms())?;
    let topic = owner.names.journal();
    let mut left: BTreeSet<i32> = owner.splits.values().map(|s| s.journal.partition).collect();
    let mut appended = BTreeMap::new();
    let started = owner.clock.monotonic();
    while !left.is_empty() {
        let mut by_broker: BTreeMap<BrokerId, Vec<i32>> = BTreeMap::new();
        for partition in &left {
            let context = format!("internal topic {topic}-{partition}");
            let leader = owner
                .connections
                .cluster()
                .leader(&topic, *partition)
                .await
                .map_err(Error::client(context))?;
            by_broker.entry(leader.broker).or_default().push(*partition);
        }
        for (broker, partitions) in by_broker {
            for (partition, offset) in append(owner, broker, &topic, &partitions, &batch).await? {
                left.remove(&partition);
                appended.insert(partition, offset);
            }
        }
        if !left.is_empty() {
            give_up_after(owner, started, left.len(), "the internal topic has partitions without a leader")?;
            owner.connections.cluster().invalidate_topic(&topic);
            owner.clock.sleep(LEADER_PAUSE).await;
        }
    }
    Ok(appended)
}

/// One Produce; partitions whose leader has moved are left out of the result.
async fn append(
    owner: &mut Owner,
    broker: BrokerId,
    topic: &str,
    partitions: &[i32],
    batch: &Batch,
) -> Result<Vec<(i32, i64)>> {
    let mut segments = Segments::new();
    segments.push(batch.bytes().clone());
    let request = Produce {
        transactional_id: None,
        acks: -1,
        timeout: owner.config.client.request_timeout,
        topics: vec![ProduceTopic {
            topic: topic.to_owned(),
            topic_id: velostream_core::TopicId::default(),
            partitions: partitions
                .iter()
                .map(|p| ProducePartition { partition: *p, records: segments.clone() })
                .collect(),
        }],
        max_version: 11,
    };
    let connection = owner.connections.to(broker).await?;
    let context = || format!("claim in internal topic {topic}");
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    let mut appended = Vec::new();
    for p in &answer.partitions {
        match p.error {
            ErrorCode::NONE => appended.push((p.partition, p.base_offset)),
            ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::LEADER_NOT_AVAILABLE => {}
            code => code.check(broker, ApiKey::Produce).map_err(Error::client(context()))?,
        }
    }
    Ok(appended)
}

fn give_up_after(owner: &Owner, started: Duration, splits: usize, what: &'static str) -> Result<()> {
    // Whatever is open ends by itself once its transaction times out; the broker sweeps every 10 s.
    let bound = owner.config.transaction_timeout + Duration::from_secs(15);
    let waited = owner.clock.monotonic().saturating_sub(started);
    if waited > bound {
        return Err(Error::ClaimTimeout { splits, waited_ms: waited.as_millis(), what });
    }
    Ok(())
}

async fn read(
    owner: &mut Owner,
    from: &BTreeMap<i32, i64>,
    pass: Pass,
    barriers: &mut Barriers,
) -> Result<()> {
    barriers.pass = pass;
    let isolation = pass.isolation();
    let mut reading = Reading { topic: owner.names.journal(), isolation, positions: from.clone() };
    let started = owner.clock.monotonic();
    let mut looks = Looks::new();
    while !reading.round(&mut owner.connections, barriers).await? {
        let left = reading.positions.len();
        give_up_after(owner, started, left, "an earlier owner's transaction is still open")
            .map_err(|e| looks.left.take().unwrap_or(e))?;
        if pass == Pass::CommittedToBarrier {
            let topic: Arc<str> = reading.topic.as_str().into();
            let open = reading.positions.keys();
            let open: Vec<Target> =
                open.map(|p| Target { topic: Arc::clone(&topic), partition: *p }).collect();
            let waited = owner.clock.monotonic().saturating_sub(started);
            looks.look(owner, waited, &open, &barriers.lanes).await?;
        }
        owner.clock.sleep(ROUND_PAUSE).await;
    }
    Ok(())
}

/// Ends what earlier owners left open, all at once, each lane once.
async fn fence_earlier_owners(owner: &mut Owner, barriers: &Barriers) {
    let mut lanes: BTreeSet<String> = BTreeSet::new();
    for barrier in barriers.by_partition.values() {
        lanes.extend(barrier.fences().into_iter().map(|Fence { lane, .. }| lane));
    }
    let cluster = owner.connections.cluster();
    let fencing = lanes.iter().map(|l| async {
        (l.clone(), fence(cluster, l, owner.config.transaction_timeout, owner.clock.as_ref()).await)
    });
    let failed: BTreeSet<String> = futures::future::join_all(fencing)
        .await
        .into_iter()
        .filter(|(_, done)| !done)
        .map(|(l, _)| l)
        .collect();
    for (split, claimed) in &owner.splits {
        let Some(barrier) = barriers.by_partition.get(&claimed.journal.partition) else { continue };
        if barrier.fences().iter().all(|f| !failed.contains(&f.lane)) {
            owner.fenced.insert(split.clone(), barrier.claim());
        }
    }
}

/// Position of one split.
fn settle(owner: &mut Owner, token: &GroupToken, barriers: &Barriers, split: &SplitId) -> Result<Claim> {
    let (_, descriptor) =
        token.split(split).ok_or(Error::Defect("a split that the assignment does not name"))?;
    let claimed = owner.splits.get_mut(split).ok_or(Error::Defect("a split that was not claimed"))?;
    let recovered = barriers
        .by_partition
        .get(&claimed.journal.partition)
        .and_then(Barrier::recovered)
        .ok_or(Error::Defect("a claim that ended before its barrier"))?;
    let destination = token.destination(&claimed.target.topic);
    if let Some(destination) = destination {
        claimed.target_id = destination.topic_id;
        claimed.max_batch_bytes = destination.max_message_bytes;
    }
    let Some((_, progress)) = recovered.progress else {
        let position = SourcePosition::Kafka {
            partition: Arc::clone(&claimed.source),
            offset: descriptor.start,
            leader_epoch: -1,
        };
        debug!(%split, start = descriptor.start, "no progress yet; starting where the registrar pinned it");
        return Ok(Claim { split: split.clone(), position, batch: BatchId(0) });
    };
    let position = progress.position(&claimed.source);
    if let Some(delivered) = progress.destinations.get(&claimed.target.to_string()) {
        claimed.restore(delivered);
    }
    Ok(Claim { split: split.clone(), position, batch: progress.batch() })
}
