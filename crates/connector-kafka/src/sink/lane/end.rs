//! The end of a transaction: progress, offsets, EndTxn; or its rollback.

use velostream_core::{Progress, SourcePosition};
use velostream_protocol::kafka_lane::{Effect, Event, Failure, Identity, Kind, Member, Phase};

use super::KafkaLane;
use crate::error::{Error, Result};
use crate::journal::{Entry, ProgressRecord};
use crate::sink::claim::journal_batch;
use crate::sink::coordinator::{Hint, StoredOffset};
use crate::sink::outgoing::{Ranged, offset_of};

impl KafkaLane {
    pub(super) async fn prepare_all(&mut self, progress: &[Progress]) -> Result<()> {
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

    pub(super) async fn commit_all(&mut self, progress: &[Progress]) -> Result<()> {
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
    pub(super) async fn abort_all(&mut self) -> Result<()> {
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
