//! A transactional lane: the driver's calls become events of the lane machine, its effects become requests.

mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::debug;
use velostream_core::{
    Assignment, Chunk, Claim, Clock, Encoding, LaneIndex, Progress, SinkLane, SourcePosition, SplitId, mutant,
};
use velostream_kafka_client::Cluster;
use velostream_protocol::kafka_lane::{
    Effect, Event, Failure, Identity, Kind, Member, Phase, State, TransactionVersion, step,
};

use super::claim::{claim, journal_batch};
use super::coordinator::{Coordinator, Failed, Hint, StoredOffset};
use super::outgoing::{Outgoing, Ranged, Target, offset_of};
use super::owner::Owner;
use super::produce::{Fate, Pipeline};
use super::small::Small;
use super::suspects::Suspects;
use crate::config::SinkConfig;
use crate::connections::Connections;
use crate::error::{Error, Result};
use crate::journal::{Entry, ProgressRecord};
use crate::membership::{GroupToken, KafkaMembership};
use crate::names::Names;

/// Produce versions: 12 and later add partitions to the transaction by themselves (KIP-890).
const PRODUCE_V2: i16 = 12;
const PRODUCE_V1: i16 = 11;

/// A writer with its own transactional id, connections and splits.
#[derive(Debug)]
pub struct KafkaLane {
    owner: Owner,
    coordinator: Coordinator,
    pipeline: Pipeline,
    /// `None` only after a defect was reported.
    state: Option<State>,
    sequences: BTreeMap<Target, i32>,
    /// V1: the identity has ended a transaction. The next one gets an epoch of its own, so that what a broker shows of
    /// an epoch is one transaction, as on V2 (`docs/adr/0011-one-epoch-one-transaction.md`).
    spent: bool,
    /// What waits to be joined with what follows.
    small: Small,
    /// Data and progress of the open transaction were sent and acknowledged.
    prepared: bool,
    /// Targets added to the open transaction by hand (V1).
    added: Vec<Target>,
    suspects: Suspects,
    max_decoded_bytes: usize,
}

impl KafkaLane {
    /// A lane without identity and splits; connects when it claims.
    #[must_use]
    pub fn new(
        index: LaneIndex,
        names: &Names,
        cluster: &Cluster,
        config: Arc<SinkConfig>,
        membership: Arc<KafkaMembership>,
        clock: Arc<dyn Clock>,
        max_decoded_bytes: usize,
    ) -> Self {
        let v2 = cluster.features().transaction_version() >= 2;
        let version = if v2 { TransactionVersion::V2 } else { TransactionVersion::V1 };
        let id = names.lane(index);
        let ids = (id.clone(), names.group(), names.journal().into());
        let max_version = if v2 { PRODUCE_V2 } else { PRODUCE_V1 };
        Self {
            coordinator: Coordinator::new(
                cluster.clone(),
                ids,
                version,
                config.transaction_timeout,
                Arc::clone(&clock),
            ),
            pipeline: Pipeline::new(
                id.clone(),
                Connections::new(cluster.clone(), "sink"),
                max_version,
                config.client.request_timeout,
                Arc::clone(&clock),
            ),
            owner: Owner {
                id,
                names: names.clone(),
                config,
                clock,
                membership,
                connections: Connections::new(cluster.clone(), "sink"),
                splits: BTreeMap::new(),
                fenced: BTreeMap::new(),
            },
            state: Some(State::new(version)),
            sequences: BTreeMap::new(),
            spent: false,
            small: Small::default(),
            prepared: false,
            added: Vec::new(),
            suspects: Suspects::default(),
            max_decoded_bytes,
        }
    }

    fn step(&mut self, event: Event) -> Result<Vec<Effect>> {
        let state = self.state.take().ok_or(Error::Defect("a lane was used after it reported a defect"))?;
        let (state, effects) = step(state, event)?;
        self.state = Some(state);
        Ok(effects)
    }

    fn phase(&self) -> Option<&Phase> {
        self.state.as_ref().map(|s| &s.phase)
    }

    fn identity(&self) -> Result<Identity> {
        self.state
            .as_ref()
            .and_then(State::identity)
            .ok_or(Error::Defect("a batch without a producer identity"))
    }

    /// An identity that works; fences what an earlier process or connection of this lane left behind.
    pub(super) async fn ensure_identity(&mut self) -> Result<()> {
        if matches!(self.phase(), Some(Phase::Ready(_))) { Ok(()) } else { self.new_identity().await }
    }

    async fn new_identity(&mut self) -> Result<()> {
        self.disconnect();
        if !matches!(self.phase(), Some(Phase::Fresh | Phase::Doubt | Phase::Ready(_))) {
            self.step(Event::Failed(Failure::Indefinite))?;
        }
        let identity = self.coordinator.initialize().await?;
        debug!(lane = self.owner.id, producer_id = identity.id, epoch = identity.epoch, "producer identity");
        self.take_identity(identity)
    }

    fn take_identity(&mut self, identity: Identity) -> Result<()> {
        self.step(Event::Initialized(identity))?;
        self.sequences.clear();
        self.spent = false;
        Ok(())
    }

    /// The next epoch for the next transaction, where the protocol does not give one with the end of the last.
    async fn ensure_unspent(&mut self) -> Result<()> {
        let identity = match self.phase() {
            Some(Phase::Ready(identity)) if self.spent => *identity,
            _ => return Ok(()),
        };
        match self.coordinator.renew(identity).await {
            Ok(next) => self.take_identity(next),
            Err(Error::Client { source, .. }) => {
                Err(self.doubt("InitProducerId", Failed { failure: Failure::Indefinite, source }))
            }
            Err(other) => Err(other),
        }
    }

    fn disconnect(&mut self) {
        if mutant!(ConnectionsKeptAfterDoubt) {
            return;
        }
        self.coordinator.disconnect();
        self.pipeline.disconnect();
        self.small.clear();
        self.owner.connections.close();
    }

    /// Puts the machine in doubt and closes every connection, so that nothing of this identity is sent any more.
    fn doubt(&mut self, during: &'static str, failed: Failed) -> Error {
        let Failed { failure, source } = failed;
        let stepped = self.step(Event::Failed(failure));
        self.disconnect();
        match (stepped, failure) {
            (Err(defect), _) => defect,
            (Ok(_), Failure::Denied) => Error::client(format!("{}: {during}", self.owner.id))(source),
            (Ok(_), _) => Error::Doubt { lane: self.owner.id.clone(), during, source: Some(source) },
        }
    }

    /// Sends what may be sent; a connection that cannot be had leaves the transaction in doubt.
    async fn send(&mut self) -> Result<()> {
        match self.pipeline.send().await {
            Err(Error::Client { source, .. }) => {
                Err(self.doubt("Produce", Failed { failure: Failure::Indefinite, source }))
            }
            other => other,
        }
    }

    /// Waits for one answer; effects of the machine that follow from it.
    async fn settle(&mut self) -> Result<Vec<Effect>> {
        let mut effects = Vec::new();
        let mut refused = None;
        for (batch, fate) in self.pipeline.settle().await {
            match fate {
                Fate::Stored { first, last } => {
                    self.stored(&batch, first, last)?;
                    effects.extend(self.step(Event::Acknowledged)?);
                }
                Fate::Refused { reason } => refused = Some((batch, reason)),
                Fate::Denied(source) => {
                    return Err(self.doubt("Produce", Failed { failure: Failure::Denied, source }));
                }
                Fate::Indefinite(source) => {
                    return Err(self.doubt("Produce", Failed { failure: Failure::Indefinite, source }));
                }
            }
        }
        match refused {
            Some((batch, reason)) => Err(self.refused(&batch, reason).await),
            None => Ok(effects),
        }
    }

    fn stored(&mut self, batch: &Outgoing, first: i64, last: i64) -> Result<()> {
        let Some(split) = self.owner.splits.get_mut(&batch.split) else { return Ok(()) };
        if batch.kind == Kind::Progress {
            return split.appended_progress(first);
        }
        if split.acknowledged(first, last) {
            return Ok(());
        }
        let what =
            format!("offset {first} was given out again; offset {} was acknowledged before", split.highest);
        Err(Error::SinkWentBack { destination: batch.target.to_string(), what })
    }

    async fn prepare_all(&mut self, progress: &[Progress]) -> Result<()> {
        self.send_progress(progress).await?;
        while self.pipeline.is_busy() {
            self.settle().await?;
            self.send().await?;
        }
        self.prepared = true;
        Ok(())
    }

    /// The last of the data, and behind it how far it leads.
    async fn send_progress(&mut self, progress: &[Progress]) -> Result<()> {
        self.flush_all().await?;
        for one in progress {
            let batch = self.progress_batch(one)?;
            let (from, next) = (offset_of(&one.next), offset_of(&one.next));
            self.push(&one.split, Kind::Progress, &Ranged { from, next, batch }).await?;
        }
        Ok(())
    }

    async fn commit_all(&mut self, progress: &[Progress]) -> Result<()> {
        if !self.prepared {
            self.send_progress(progress).await?;
        }
        let mut effects = self.step(Event::Commit)?;
        while effects.is_empty() && self.pipeline.is_busy() {
            effects = self.settle().await?;
            self.send().await?;
        }
        let Some(Effect::StoreOffsets(identity, member)) = effects.first().cloned() else { return Ok(()) };
        self.store_offsets(identity, &member, progress).await?;
        let Some(Effect::End { identity, commit }) = self.step(Event::Stored)?.first().cloned() else {
            return Err(Error::Defect("stored offsets are not followed by the end of the transaction"));
        };
        self.end(identity, commit).await?;
        for one in progress {
            if let Some(split) = self.owner.splits.get_mut(&one.split) {
                split.committed();
            }
            self.suspects.committed(&one.split, offset_of(&one.next));
        }
        Ok(())
    }

    fn progress_batch(&self, progress: &Progress) -> Result<velostream_kafka_batch::Batch> {
        let split = self
            .owner
            .splits
            .get(&progress.split)
            .ok_or(Error::Defect("progress of a split that is not claimed"))?;
        let SourcePosition::Kafka { offset, leader_epoch, .. } = &progress.next else {
            return Err(Error::Defect("a position of another source"));
        };
        let Some(Phase::Open(open)) = self.phase() else {
            return Err(Error::Defect("progress outside a transaction"));
        };
        let record = ProgressRecord {
            next: *offset,
            leader_epoch: *leader_epoch,
            batch: progress.batch.0,
            worker: self.owner.names.instance().to_string(),
            generation: open.member.generation,
            lane: self.owner.id.clone(),
            released: progress.released,
            destinations: [(split.target.to_string(), split.delivered())].into(),
        };
        journal_batch(&Entry::Progress(record), self.owner.clock.unix_ms())
    }

    async fn store_offsets(
        &mut self,
        identity: Identity,
        member: &Member,
        progress: &[Progress],
    ) -> Result<()> {
        let offsets: Vec<StoredOffset> = progress
            .iter()
            .filter_map(|p| {
                let split = self.owner.splits.get(&p.split)?;
                let SourcePosition::Kafka { offset, leader_epoch, .. } = &p.next else { return None };
                Some(StoredOffset {
                    partition: split.journal.partition,
                    offset: *offset,
                    leader_epoch: *leader_epoch,
                    hint: Hint { progress_at: split.progress_at, highest: split.acknowledged_to() },
                })
            })
            .collect();
        let Err(failed) = self.coordinator.store_offsets(identity, member, &offsets).await else {
            return Ok(());
        };
        if failed.failure != Failure::StaleMembership {
            return Err(self.doubt("TxnOffsetCommit", failed));
        }
        // Rolled back at once, not when membership is back: until then the data hides what others commit.
        if let Some(Effect::End { identity, commit }) =
            self.step(Event::Failed(failed.failure))?.first().cloned()
        {
            self.end(identity, commit).await?;
        }
        Err(Error::StaleMembership { what: "the transaction was refused", generation: member.generation })
    }

    async fn end(&mut self, identity: Identity, commit: bool) -> Result<()> {
        match self.coordinator.end(identity, commit).await {
            Ok(next) => {
                if next.is_some_and(|n| n != identity) {
                    self.sequences.clear();
                }
                self.spent = next.is_none();
                self.step(Event::Ended { next }).map(drop)
            }
            Err(failed) => Err(self.doubt("EndTxn", failed)),
        }
    }

    /// Drains and rolls back.
    async fn abort_all(&mut self) -> Result<()> {
        self.small.clear();
        while self.pipeline.is_busy() {
            self.settle().await?;
            self.send().await?;
        }
        if let Some(Effect::End { identity, commit }) = self.step(Event::Abort)?.first().cloned() {
            self.end(identity, commit).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SinkLane for KafkaLane {
    fn accepts(&self, encoding: Encoding) -> bool {
        encoding == Encoding::KafkaBatchV2
    }

    async fn claim(
        &mut self,
        assignment: &Arc<Assignment>,
        splits: &[SplitId],
    ) -> velostream_core::Result<Vec<Claim>> {
        let token = GroupToken::of(assignment)?;
        self.ensure_identity().await?;
        Ok(claim(&mut self.owner, token, splits).await?)
    }

    async fn begin(&mut self, assignment: &Arc<Assignment>) -> velostream_core::Result<()> {
        let token = GroupToken::of(assignment)?;
        if self.pipeline.was_cut() && !mutant!(CutBetweenTransactionsForgotten) {
            // The broker may have been away and may have lost the markers of the transaction that was committed last,
            // which this one would then take along; only a claim looks for that.
            self.step(Event::Failed(Failure::Indefinite)).map_err(velostream_core::Error::from)?;
            self.disconnect();
            let lane = self.owner.id.clone();
            return Err(Error::Doubt { lane, during: "a connection that was lost", source: None }.into());
        }
        let owned = self.owner.splits.values().map(|s| s.index).filter(|i| token.owns(*i)).collect();
        // After an abort on V1 the identity is fresh; a new one is had before anything is written.
        self.ensure_identity().await?;
        self.ensure_unspent().await?;
        self.step(Event::Begin { member: token.member.clone(), owned })
            .map_err(velostream_core::Error::from)?;
        self.pipeline.begin();
        self.prepared = false;
        self.added.clear();
        for split in self.owner.splits.values_mut() {
            split.begin();
        }
        Ok(())
    }

    async fn write(&mut self, chunk: Chunk) -> velostream_core::Result<()> {
        Ok(self.write_chunk(&chunk).await?)
    }

    async fn prepare(&mut self, progress: &[Progress]) -> velostream_core::Result<()> {
        Ok(self.prepare_all(progress).await?)
    }

    async fn commit(&mut self, progress: &[Progress]) -> velostream_core::Result<()> {
        Ok(self.commit_all(progress).await?)
    }

    async fn abort(&mut self) -> velostream_core::Result<()> {
        Ok(self.abort_all().await?)
    }

    async fn reset(&mut self) -> velostream_core::Result<()> {
        Ok(self.new_identity().await?)
    }
}
