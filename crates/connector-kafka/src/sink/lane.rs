//! A transactional lane: the driver's calls become events of the lane machine, its effects become requests.

mod end;
mod identity;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use velostream_core::{
    Assignment, Chunk, Claim, Clock, Encoding, LaneIndex, Progress, SinkLane, SplitId, mutant,
};
use velostream_kafka_client::Cluster;
use velostream_protocol::kafka_lane::{
    Effect, Event, Failure, Identity, Kind, Phase, State, TransactionVersion, step,
};

use super::claim::claim;
use super::coordinator::{Coordinator, Failed};
use super::outgoing::{Outgoing, Target};
use super::owner::Owner;
use super::produce::{Fate, Pipeline};
use super::small::Small;
use super::suspects::Suspects;
use crate::config::SinkConfig;
use crate::connections::Connections;
use crate::error::{Error, Result};
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
