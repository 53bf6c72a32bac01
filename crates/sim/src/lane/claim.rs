//! Taking splits over: claim, fence, read past the own claim, as the Kafka connector does.

use std::collections::{BTreeMap, BTreeSet};

use velostream_core::{BatchId, Claim, Disposition, Error, Result, SplitId};
use velostream_protocol::kafka_lane::{AbortedFilter, Barrier, BatchKind, JournalEntry, Verdict};

use super::{Claimed, SimLane, defect, error};
use crate::broker::{Answer, Code, Content, Delivery, Fetched, Request, Stored};
use crate::membership::GroupToken;
use crate::mutant::Mutant;
use crate::names::{offset, position, split_number};
use crate::scenario::TRANSACTION_TIMEOUT_MS;
use crate::world::Lost;

/// Pause between rounds while an open transaction of an earlier owner is being ended.
const ROUND_PAUSE_MS: u64 = 2;
/// A claim that waits longer is given up and tried again.
const GIVE_UP_MS: u64 = TRANSACTION_TIMEOUT_MS + 15_000;
/// How often the group's offsets are asked for again where they differ, and the pause in between.
const CROSS_CHECKS: u32 = 10;
const CROSS_CHECK_PAUSE_MS: u64 = 100;
/// The same for the end of a destination that is too low.
const SINK_LOOKS: u32 = 50;
const SINK_LOOK_PAUSE_MS: u64 = 100;

type Barriers = BTreeMap<u32, Barrier<Delivery>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Uncommitted,
    CommittedSoFar,
    CommittedToBarrier,
}

fn lost(during: &str) -> impl FnOnce(Lost) -> Error {
    move |lost| error(Disposition::Reconcile, format!("{during}: {lost:?}"))
}

fn unexpected(during: &str, answer: &Answer) -> Error {
    error(Disposition::Retry, format!("{during}: {answer:?}"))
}

impl SimLane {
    pub(super) async fn claim_splits(
        &mut self,
        token: &GroupToken,
        splits: &[SplitId],
    ) -> Result<Vec<Claim>> {
        self.splits.clear();
        for split in splits {
            let index = split_number(split);
            let claimed = Claimed { index, highest: -1, acknowledged: -1, progress_at: -1 };
            self.splits.insert(split.clone(), claimed);
        }
        // A zombie's claim would fence the healthy owner: the membership is confirmed right before it.
        self.confirm(token).await?;
        let hints = self.stored_offsets(false).await?;
        let claimed = self.append_claims().await?;
        let mut barriers: Barriers = BTreeMap::new();
        for (split, state) in &self.splits {
            let claim = *claimed.get(&state.index).ok_or_else(|| defect("a claim without an offset"))?;
            let fenced = self.fenced.get(split).copied().unwrap_or(-1);
            barriers.insert(state.index, Barrier::new(self.id.clone(), claim, fenced));
        }
        let from: BTreeMap<u32, i64> =
            claimed.keys().map(|p| (*p, hints.get(p).map_or(0, |s| s.progress_at.max(0)))).collect();
        for pass in [Pass::Uncommitted, Pass::CommittedSoFar] {
            self.read(from.clone(), pass, &mut barriers).await?;
        }
        self.fence_earlier_owners(&barriers).await;
        if self.mutant == Some(Mutant::NoBarrier) {
            barriers.values_mut().for_each(|b| b.read_committed_to(i64::MAX, i64::MAX));
        } else {
            self.read(from, Pass::CommittedToBarrier, &mut barriers).await?;
        }
        let mut claims = Vec::new();
        for split in splits {
            claims.push(self.recovered(&barriers, split)?);
        }
        if self.mutant == Some(Mutant::PositionFromGroup) {
            return Ok(claims.into_iter().map(|c| moved(c, &hints)).collect());
        }
        if self.mutant == Some(Mutant::NoBarrier) {
            return Ok(claims);
        }
        let stored = self.cross_check(token, &claims).await?;
        self.check_sink(&stored).await?;
        Ok(claims)
    }

    async fn confirm(&self, token: &GroupToken) -> Result<()> {
        if self.membership.confirm(&token.member).await.map_err(lost("heartbeat"))? {
            Ok(())
        } else {
            Err(error(Disposition::Fenced, "the membership does not stand any more"))
        }
    }

    fn partitions(&self) -> BTreeSet<u32> {
        self.splits.values().map(|s| s.index).collect()
    }

    async fn stored_offsets(&self, stable: bool) -> Result<BTreeMap<u32, Stored>> {
        let started = self.endpoint.world.now();
        loop {
            let request = Request::OffsetFetch { partitions: self.partitions(), stable };
            match self.endpoint.call(request).await.map_err(lost("OffsetFetch"))? {
                Answer::Offsets(offsets) => return Ok(offsets),
                Answer::Error(Code::Unstable) => self.give_up_after(started)?,
                other => return Err(unexpected("OffsetFetch", &other)),
            }
            self.endpoint.sleep(ROUND_PAUSE_MS).await;
        }
    }

    fn give_up_after(&self, started: u64) -> Result<()> {
        if self.endpoint.world.now().saturating_sub(started) > GIVE_UP_MS {
            return Err(error(Disposition::Retry, "an earlier owner's transaction is still open"));
        }
        Ok(())
    }

    async fn append_claims(&self) -> Result<BTreeMap<u32, i64>> {
        let request = Request::Claim { lane: self.id.clone(), partitions: self.partitions() };
        match self.endpoint.call(request).await.map_err(lost("claim"))? {
            Answer::Claimed(claimed) => Ok(claimed),
            other => Err(unexpected("claim", &other)),
        }
    }

    async fn read(
        &self,
        mut positions: BTreeMap<u32, i64>,
        pass: Pass,
        barriers: &mut Barriers,
    ) -> Result<()> {
        let started = self.endpoint.world.now();
        let committed = pass != Pass::Uncommitted;
        loop {
            let request = Request::JournalFetch { positions: positions.clone(), committed };
            let answer = self.endpoint.call(request).await.map_err(lost("journal"))?;
            let Answer::Fetched(partitions) = answer else { return Err(unexpected("journal", &answer)) };
            for (partition, fetched) in partitions {
                let (Some(at), Some(barrier)) = (positions.get_mut(&partition), barriers.get_mut(&partition))
                else {
                    continue;
                };
                if take(at, fetched, pass, barrier) {
                    positions.remove(&partition);
                }
            }
            if positions.is_empty() {
                return Ok(());
            }
            self.give_up_after(started)?;
            self.endpoint.sleep(ROUND_PAUSE_MS).await;
        }
    }

    /// Ends what earlier owners left open, each lane once (R10).
    async fn fence_earlier_owners(&mut self, barriers: &Barriers) {
        let lanes: BTreeSet<String> =
            barriers.values().flat_map(|b| b.fences().into_iter().map(|f| f.lane)).collect();
        let mut failed = BTreeSet::new();
        for lane in lanes {
            let answer = self.endpoint.call(Request::Init { lane: lane.clone(), fence: true }).await;
            if !matches!(answer, Ok(Answer::Identity(_) | Answer::Error(Code::ComeAgain))) {
                failed.insert(lane);
            }
        }
        for (split, claimed) in &self.splits {
            let Some(barrier) = barriers.get(&claimed.index) else { continue };
            if barrier.fences().iter().all(|f| !failed.contains(&f.lane)) {
                self.fenced.insert(split.clone(), barrier.claim());
            }
        }
    }

    fn recovered(&mut self, barriers: &Barriers, split: &SplitId) -> Result<Claim> {
        let claimed = self.splits.get_mut(split).ok_or_else(|| defect("a split that was not claimed"))?;
        let recovered = barriers
            .get(&claimed.index)
            .and_then(Barrier::recovered)
            .ok_or_else(|| defect("a claim that ended before its barrier"))?;
        let Some((_, delivery)) = recovered.progress else {
            let start = usize::try_from(claimed.index).ok().and_then(|i| self.starts.get(i)).copied();
            let position = position(split, start.unwrap_or(0));
            return Ok(Claim { split: split.clone(), position, batch: BatchId(0) });
        };
        claimed.highest = delivery.highest;
        let position = position(split, delivery.next);
        Ok(Claim { split: split.clone(), position, batch: BatchId(delivery.batch) })
    }

    /// The group's offsets are committed with the progress; where they differ somebody has reset them by hand.
    async fn cross_check(&self, token: &GroupToken, claims: &[Claim]) -> Result<BTreeMap<u32, Stored>> {
        // A replaced coordinator may answer what was true before for a while: it is asked again, not only once.
        let mut rounds = 0;
        loop {
            let stored = self.stored_offsets(true).await?;
            let Some(split) = differing(claims, &stored) else { return Ok(stored) };
            self.confirm(token).await?;
            if rounds == CROSS_CHECKS {
                let what = format!("{split}: the group's offset and the progress differ");
                return Err(Error::new(velostream_core::Code::OffsetsReset, Disposition::Reject, what));
            }
            rounds += 1;
            self.endpoint.sleep(CROSS_CHECK_PAUSE_MS).await;
        }
    }

    /// A sink that went back is a named error, never a place to write on (R11).
    async fn check_sink(&mut self, stored: &BTreeMap<u32, Stored>) -> Result<()> {
        for claimed in self.splits.values_mut() {
            let newest = stored.get(&claimed.index).map_or(-1, |s| s.highest);
            claimed.highest = claimed.highest.max(newest);
            claimed.acknowledged = claimed.highest;
        }
        // A leader that was replaced answers the end of its own log: looked at again before it counts.
        let mut looks = 0;
        loop {
            let request = Request::Ends { partitions: self.partitions() };
            let Answer::Ends(ends) = self.endpoint.call(request).await.map_err(lost("ListOffsets"))? else {
                return Err(error(Disposition::Retry, "ListOffsets"));
            };
            let end = |c: &Claimed| ends.get(&c.index).copied().unwrap_or(0);
            let Some(short) = self.splits.values().find(|c| c.highest >= 0 && c.highest >= end(c)) else {
                return Ok(());
            };
            if looks == SINK_LOOKS {
                let what = format!("split {}: committed data is gone", short.index);
                return Err(Error::new(velostream_core::Code::SinkWentBack, Disposition::Corrupt, what));
            }
            looks += 1;
            self.endpoint.sleep(SINK_LOOK_PAUSE_MS).await;
        }
    }
}

/// The claim of a mutant that believes the group's offset.
fn moved(claim: Claim, stored: &BTreeMap<u32, Stored>) -> Claim {
    match stored.get(&split_number(&claim.split)) {
        Some(stored) => Claim { position: position(&claim.split, stored.offset), ..claim },
        None => claim,
    }
}

fn differing(claims: &[Claim], stored: &BTreeMap<u32, Stored>) -> Option<SplitId> {
    claims
        .iter()
        .find(|c| stored.get(&split_number(&c.split)).is_some_and(|s| s.offset != offset(&c.position)))
        .map(|c| c.split.clone())
}

/// Looks at what was fetched of one partition; true once it was read far enough.
fn take(at: &mut i64, fetched: Fetched, pass: Pass, barrier: &mut Barrier<Delivery>) -> bool {
    let mut filter = AbortedFilter::new(fetched.aborted);
    for batch in fetched.batches {
        let (base, last) = (batch.base, batch.next() - 1);
        *at = (*at).max(batch.next());
        let kind = match (&batch.content, batch.producer) {
            (Content::Marker { commit: false }, Some(producer_id)) => BatchKind::AbortMarker { producer_id },
            (Content::Marker { .. }, _) => BatchKind::OtherControl,
            (_, Some(producer_id)) if pass != Pass::Uncommitted => BatchKind::Transactional { producer_id },
            _ => BatchKind::Plain,
        };
        if filter.judge(last, kind) == Verdict::Skip {
            continue;
        }
        let entry = match batch.content {
            Content::Claim { lane } => JournalEntry::Claim { lane },
            Content::Progress(progress) => {
                JournalEntry::Progress { lane: progress.lane.clone(), released: progress.released, progress }
            }
            Content::Data(_) | Content::Marker { .. } => continue,
        };
        match pass {
            Pass::Uncommitted => barrier.observe_uncommitted(base, &entry),
            Pass::CommittedSoFar | Pass::CommittedToBarrier => barrier.observe_committed(base, &entry),
        }
    }
    match pass {
        Pass::Uncommitted => *at > barrier.claim(),
        Pass::CommittedSoFar => *at >= fetched.last_stable || *at > barrier.claim(),
        Pass::CommittedToBarrier => {
            barrier.read_committed_to(*at, fetched.last_stable);
            barrier.recovered().is_some()
        }
    }
}
