//! A transactional lane over the simulated brokers. It drives the real lane machine the way the Kafka connector's
//! lane does: the driver's calls become events, the machine's effects become requests.

mod claim;
mod pipeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use velostream_core::{
    Assignment, Chunk, Claim, Code as PublicCode, Disposition, Encoding, Error, Payload, Progress, Result,
    SinkLane, SplitId,
};
use velostream_protocol::kafka_lane::{
    Effect, Event, Failure, Identity, Kind, Member, Phase, State, TransactionVersion, step,
};

use self::pipeline::{Fate, Outgoing, Pipeline};
use crate::broker::{Answer, Code, Content, Delivery, Part, Request, Stored, StoredOffset};
use crate::membership::{GroupToken, SimMembership};
use crate::mutant::Mutant;
use crate::names::{offset, split_number};
use crate::network::Endpoint;
use crate::reader::decode_offsets;
use crate::scenario::{Scenario, TRANSACTION_TIMEOUT_MS};
use crate::world::Outcome;

/// Pause before a request is repeated that the coordinator answered with "come again".
const COME_AGAIN_MS: u64 = 10;
/// Batches waiting or in flight at most.
const MAX_WAITING: usize = 8;

/// A claimed split.
#[derive(Debug, Clone)]
struct Claimed {
    index: u32,
    /// Highest acknowledged offset in the destination, -1 where there is none.
    highest: i64,
    /// The same, the open transaction included.
    acknowledged: i64,
    /// Offset of the progress record of the open transaction.
    progress_at: i64,
}

/// A writer with its own transactional id.
pub(crate) struct SimLane {
    id: String,
    endpoint: Endpoint,
    membership: Arc<SimMembership>,
    accepts: bool,
    mutant: Option<Mutant>,
    /// Kept for a mutant.
    last_identity: Option<Identity>,
    splits: BTreeMap<SplitId, Claimed>,
    /// Per split the offset of the own claim up to which every earlier owner is fenced.
    fenced: BTreeMap<SplitId, i64>,
    /// Pinned start per split.
    starts: Vec<i64>,
    pipeline: Pipeline,
    /// `None` only after a defect was reported.
    state: Option<State>,
    sequences: BTreeMap<Part, i32>,
    /// Parts added to the open transaction by hand (V1).
    added: Vec<Part>,
    /// Source ranges whose batch was refused: written record by record.
    suspects: BTreeMap<SplitId, (i64, i64)>,
}

fn error(disposition: Disposition, what: impl Into<String>) -> Error {
    Error::new(PublicCode::KafkaTimeout, disposition, what)
}

fn defect(what: impl std::fmt::Display) -> Error {
    Error::new(PublicCode::Internal, Disposition::Corrupt, format!("defect: {what}"))
}

impl SimLane {
    pub(crate) fn new(
        id: String,
        endpoint: Endpoint,
        membership: Arc<SimMembership>,
        scenario: &Scenario,
        starts: Vec<i64>,
    ) -> Self {
        Self {
            pipeline: Pipeline::new(id.clone(), endpoint.clone()),
            id,
            endpoint,
            membership,
            accepts: scenario.pass_through,
            mutant: scenario.mutant,
            last_identity: None,
            splits: BTreeMap::new(),
            fenced: BTreeMap::new(),
            starts,
            state: Some(State::new(scenario.version)),
            sequences: BTreeMap::new(),
            added: Vec::new(),
            suspects: BTreeMap::new(),
        }
    }

    fn step(&mut self, event: Event) -> Result<Vec<Effect>> {
        let state = self.state.take().ok_or_else(|| defect("a lane was used after a defect"))?;
        let (state, effects) = step(state, event).map_err(defect)?;
        self.state = Some(state);
        Ok(effects)
    }

    fn phase(&self) -> Option<&Phase> {
        self.state.as_ref().map(|s| &s.phase)
    }

    fn is_v1(&self) -> bool {
        self.state.as_ref().is_some_and(|s| s.version == TransactionVersion::V1)
    }

    fn identity(&self) -> Result<Identity> {
        self.state.as_ref().and_then(State::identity).ok_or_else(|| defect("a batch without an identity"))
    }

    async fn ensure_identity(&mut self) -> Result<()> {
        if matches!(self.phase(), Some(Phase::Ready(_))) { Ok(()) } else { self.new_identity().await }
    }

    async fn new_identity(&mut self) -> Result<()> {
        self.pipeline.disconnect();
        if !matches!(self.phase(), Some(Phase::Fresh | Phase::Doubt | Phase::Ready(_))) {
            self.step(Event::Failed(Failure::Indefinite))?;
        }
        if self.mutant == Some(Mutant::SameEpochAfterDoubt)
            && let Some(identity) = self.last_identity
        {
            return self.step(Event::Initialized(identity)).map(drop);
        }
        let started = self.endpoint.world.now();
        let identity = loop {
            let request = Request::Init { lane: self.id.clone(), fence: false };
            match self.endpoint.call(request).await {
                Ok(Answer::Identity(Some(identity))) => break identity,
                Ok(Answer::Error(Code::ComeAgain))
                    if self.endpoint.world.now() < started + TRANSACTION_TIMEOUT_MS =>
                {
                    self.endpoint.sleep(COME_AGAIN_MS).await;
                }
                other => return Err(error(Disposition::Reconcile, format!("InitProducerId: {other:?}"))),
            }
        };
        self.step(Event::Initialized(identity))?;
        self.last_identity = Some(identity);
        self.sequences.clear();
        Ok(())
    }

    /// Puts the machine in doubt and closes every connection, so that nothing of this identity is sent any more.
    fn doubt(&mut self, during: &str, failure: Failure, why: &str) -> Error {
        let stepped = self.step(Event::Failed(failure));
        self.pipeline.disconnect();
        match stepped {
            Err(defect) => defect,
            Ok(_)
                if self.mutant == Some(Mutant::RefusedEpochIsAnOwner)
                    && why.contains("InvalidProducerEpoch") =>
            {
                error(Disposition::Fenced, "another owner")
            }
            Ok(_) => error(Disposition::Reconcile, format!("in doubt after {during}: {why}")),
        }
    }

    async fn push(&mut self, split: &SplitId, kind: Kind, content: Content, range: (i64, i64)) -> Result<()> {
        let index = split_number(split);
        let part = if kind == Kind::Data { Part::Data(index) } else { Part::Journal(index) };
        self.add_by_hand(part).await?;
        let identity = self.identity()?;
        let records = match &content {
            Content::Data(offsets) => i64::try_from(offsets.len()).unwrap_or(i64::MAX),
            _ => 1,
        };
        let sequence = self.sequences.entry(part).or_insert(0);
        let own = *sequence;
        *sequence += i32::try_from(records).unwrap_or(i32::MAX);
        self.step(Event::Send { split: index, kind })?;
        self.pipeline.push(Outgoing {
            part,
            split: split.clone(),
            kind,
            identity,
            sequence: own,
            content,
            range,
            records,
        });
        self.pipeline.send().await;
        Ok(())
    }

    async fn add_by_hand(&mut self, part: Part) -> Result<()> {
        if !self.is_v1() || self.added.contains(&part) {
            return Ok(());
        }
        let identity = self.identity()?;
        loop {
            let request = Request::AddPartition { lane: self.id.clone(), identity, part };
            match self.endpoint.call(request).await {
                Ok(Answer::Done) => break,
                Ok(Answer::Error(Code::ComeAgain)) => self.endpoint.sleep(COME_AGAIN_MS).await,
                other => {
                    let why = format!("{other:?}");
                    return Err(self.doubt("AddPartitionsToTxn", Failure::Indefinite, &why));
                }
            }
        }
        self.added.push(part);
        Ok(())
    }

    async fn settle(&mut self) -> Result<Vec<Effect>> {
        let Some((batch, fate)) = self.pipeline.settle().await else { return Ok(Vec::new()) };
        match fate {
            Fate::Stored(base) => {
                self.stored(&batch, base)?;
                self.step(Event::Acknowledged)
            }
            Fate::Indefinite(why) => Err(self.doubt("Produce", Failure::Indefinite, &why)),
            Fate::Refused => Err(self.refused(&batch)),
        }
    }

    fn stored(&mut self, batch: &Outgoing, base: i64) -> Result<()> {
        let Some(split) = self.splits.get_mut(&batch.split) else { return Ok(()) };
        if batch.kind == Kind::Progress {
            split.progress_at = base;
            return Ok(());
        }
        if base <= split.acknowledged {
            let what = format!("offset {base} was given out again");
            return Err(Error::new(PublicCode::SinkWentBack, Disposition::Corrupt, what));
        }
        split.acknowledged = base + batch.records - 1;
        Ok(())
    }

    /// R16: the transaction is given up; the batch is written again record by record.
    fn refused(&mut self, batch: &Outgoing) -> Error {
        if let Err(defect) = self.step(Event::Failed(Failure::Poison)) {
            return defect;
        }
        self.pipeline.disconnect();
        if batch.records == 1 {
            let what = format!("record at {} is refused", batch.range.0);
            return Error::new(PublicCode::RecordRefused, Disposition::Reject, what);
        }
        // Widened, not replaced: else two such batches of one transaction would take turns for ever.
        if self.mutant == Some(Mutant::OneSuspect) {
            self.suspects.remove(&batch.split);
        }
        let range = self.suspects.entry(batch.split.clone()).or_insert(batch.range);
        *range = (range.0.min(batch.range.0), range.1.max(batch.range.1));
        Error::new(PublicCode::RecordRefused, Disposition::Abort, "a batch is refused")
    }

    async fn write_chunk(&mut self, chunk: &Chunk) -> Result<()> {
        if !self.splits.contains_key(&chunk.split) {
            return Err(defect("a chunk of a split that is not claimed"));
        }
        let (from, next) = (offset(&chunk.from), offset(&chunk.next));
        let offsets: Vec<i64> = match &chunk.payload {
            Payload::Encoded(encoded) => decode_offsets(encoded.bytes()),
            Payload::Records { records, .. } => records.iter().map(|r| offset(&r.position)).collect(),
        };
        let suspect =
            self.suspects.get(&chunk.split).is_some_and(|(first, last)| from < *last && next > *first);
        if suspect {
            for one in offsets {
                self.push(&chunk.split, Kind::Data, Content::Data(vec![one]), (one, one + 1)).await?;
            }
        } else {
            self.push(&chunk.split, Kind::Data, Content::Data(offsets), (from, next)).await?;
        }
        while self.pipeline.waiting() > MAX_WAITING {
            self.settle().await?;
            self.pipeline.send().await;
        }
        Ok(())
    }

    async fn commit_all(&mut self, progress: &[Progress]) -> Result<()> {
        for one in progress {
            let split = self.splits.get(&one.split).ok_or_else(|| defect("progress of a foreign split"))?;
            let delivery = Delivery {
                lane: self.id.clone(),
                next: offset(&one.next),
                batch: one.batch.0,
                released: one.released,
                highest: split.highest,
            };
            let at = offset(&one.next);
            self.push(&one.split, Kind::Progress, Content::Progress(delivery), (at, at)).await?;
        }
        let mut effects = self.step(Event::Commit)?;
        while effects.is_empty() && self.pipeline.is_busy() {
            effects = self.settle().await?;
            self.pipeline.send().await;
        }
        let Some(Effect::StoreOffsets(identity, member)) = effects.first().cloned() else { return Ok(()) };
        self.store_offsets(identity, member, progress).await?;
        let Some(Effect::End { identity, commit }) = self.step(Event::Stored)?.first().cloned() else {
            return Err(defect("stored offsets are not followed by the end of the transaction"));
        };
        self.end(identity, commit).await?;
        for one in progress {
            if let Some(split) = self.splits.get_mut(&one.split) {
                split.highest = split.acknowledged;
            }
            if self.suspects.get(&one.split).is_some_and(|(_, last)| offset(&one.next) >= *last) {
                self.suspects.remove(&one.split);
            }
        }
        Ok(())
    }

    async fn store_offsets(
        &mut self,
        identity: Identity,
        mut member: Member,
        progress: &[Progress],
    ) -> Result<()> {
        let stored = |p: &Progress| {
            let split = self.splits.get(&p.split)?;
            let (progress_at, highest) = (split.progress_at, split.acknowledged);
            let stored = Stored { offset: offset(&p.next), progress_at, highest };
            Some(StoredOffset { partition: split.index, stored })
        };
        let offsets = progress.iter().filter_map(stored).collect();
        self.add_by_hand(Part::Offsets).await?;
        if self.mutant == Some(Mutant::AnonymousCommit) {
            member = Member { member_id: String::new(), generation: -1 };
        }
        let request = Request::StoreOffsets { lane: self.id.clone(), identity, member, offsets };
        let answer = self.endpoint.call(request).await;
        let stale = matches!(
            answer,
            Ok(Answer::Error(Code::IllegalGeneration | Code::UnknownMember | Code::Rebalancing))
        );
        if matches!(answer, Ok(Answer::Done)) {
            return Ok(());
        }
        if !stale {
            return Err(self.doubt("TxnOffsetCommit", Failure::Indefinite, &format!("{answer:?}")));
        }
        // Rolled back at once, not when membership is back: until then the data hides what others commit.
        let effects = self.step(Event::Failed(Failure::StaleMembership))?;
        if let Some(Effect::End { identity, commit }) = effects.first().cloned() {
            self.end(identity, commit).await?;
        }
        Err(error(Disposition::Fenced, "the transaction was refused"))
    }

    async fn end(&mut self, identity: Identity, commit: bool) -> Result<()> {
        let answer: Outcome =
            self.endpoint.call(Request::End { lane: self.id.clone(), identity, commit }).await;
        match answer {
            Ok(Answer::Identity(next)) => {
                if next.is_some_and(|n| n != identity) {
                    self.sequences.clear();
                }
                self.last_identity = next.or(self.last_identity);
                self.step(Event::Ended { next }).map(drop)
            }
            other => Err(self.doubt("EndTxn", Failure::Indefinite, &format!("{other:?}"))),
        }
    }

    async fn abort_all(&mut self) -> Result<()> {
        while self.pipeline.is_busy() {
            self.settle().await?;
            self.pipeline.send().await;
        }
        if let Some(Effect::End { identity, commit }) = self.step(Event::Abort)?.first().cloned() {
            self.end(identity, commit).await?;
        }
        Ok(())
    }
}

fn token(assignment: &Arc<Assignment>) -> Result<&GroupToken> {
    assignment.token.as_any().downcast_ref().ok_or_else(|| defect("a foreign assignment"))
}

#[async_trait]
impl SinkLane for SimLane {
    fn accepts(&self, _: Encoding) -> bool {
        self.accepts
    }

    async fn claim(&mut self, assignment: &Arc<Assignment>, splits: &[SplitId]) -> Result<Vec<Claim>> {
        let token = token(assignment)?;
        self.ensure_identity().await?;
        self.claim_splits(token, splits).await
    }

    async fn begin(&mut self, assignment: &Arc<Assignment>) -> Result<()> {
        let token = token(assignment)?;
        let owned = self.splits.values().map(|s| s.index).filter(|i| token.splits.contains(i)).collect();
        // After an abort on V1 the identity is fresh; a new one is had before anything is written.
        self.ensure_identity().await?;
        self.step(Event::Begin { member: token.member.clone(), owned })?;
        self.pipeline.begin();
        self.added.clear();
        for split in self.splits.values_mut() {
            split.acknowledged = split.highest;
        }
        Ok(())
    }

    async fn write(&mut self, chunk: Chunk) -> Result<()> {
        self.write_chunk(&chunk).await
    }

    async fn commit(&mut self, progress: &[Progress]) -> Result<()> {
        self.commit_all(progress).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.abort_all().await
    }

    async fn reset(&mut self) -> Result<()> {
        self.new_identity().await
    }
}
