//! The producer identity of a lane: had anew after doubt, which fences what came before.

use tracing::debug;
use velostream_protocol::kafka_lane::{Event, Failure, Identity, Phase};

use super::KafkaLane;
use crate::error::{Error, Result};
use crate::sink::coordinator::Failed;

impl KafkaLane {
    /// An identity that works; fences what an earlier process or connection of this lane left behind.
    pub(super) async fn ensure_identity(&mut self) -> Result<()> {
        if matches!(self.phase(), Some(Phase::Ready(_))) { Ok(()) } else { self.new_identity().await }
    }

    pub(super) async fn new_identity(&mut self) -> Result<()> {
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
    pub(super) async fn ensure_unspent(&mut self) -> Result<()> {
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
}
