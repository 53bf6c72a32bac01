//! Writing into the open transaction: what goes on as it came, what is joined, what is cut.

use velostream_core::{Chunk, SplitId};
use velostream_protocol::kafka_lane::{Event, Failure, Kind, TransactionVersion};

use super::super::outgoing::{
    Content, Cut, Outgoing, Ranged, Target, advance_sequence, content, offset_of, sign,
};
use super::KafkaLane;
use crate::error::{Error, Result};

impl KafkaLane {
    pub(super) async fn write_chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let max_batch_bytes = self.max_batch_bytes(&chunk.split)?;
        let (from, next) = (offset_of(&chunk.from), offset_of(&chunk.next));
        let suspect = self.suspects.touch(&chunk.split, from, next);
        let cut = if suspect { Cut::Records } else { Cut::Bytes(max_batch_bytes) };
        match content(chunk, cut, self.max_decoded_bytes)? {
            Content::Whole(ranged) if ranged.batch.len() < self.owner.config.merge_below_bytes => {
                if self.small.add(&chunk.split, ranged, max_batch_bytes) {
                    self.flush(&chunk.split).await?;
                } else if self.small.bytes() > self.owner.config.max_in_flight_bytes / 2 {
                    self.flush_all().await?;
                }
            }
            Content::Whole(ranged) => {
                self.flush(&chunk.split).await?;
                self.push(&chunk.split, Kind::Data, &ranged).await?;
            }
            Content::Encoded(batches) => {
                self.flush(&chunk.split).await?;
                for ranged in batches {
                    self.push(&chunk.split, Kind::Data, &ranged).await?;
                }
            }
        }
        while self.pipeline.bytes() > self.owner.config.max_in_flight_bytes {
            self.settle().await?;
            self.send().await?;
        }
        Ok(())
    }

    /// Sends the small batches of every split.
    pub(super) async fn flush_all(&mut self) -> Result<()> {
        for split in self.small.splits() {
            self.flush(&split).await?;
        }
        Ok(())
    }

    /// Sends the small batches of a split, which come before anything else of it.
    async fn flush(&mut self, split: &SplitId) -> Result<()> {
        let max_batch_bytes = self.max_batch_bytes(split)?;
        for ranged in self.small.take(split, max_batch_bytes, self.max_decoded_bytes) {
            self.push(split, Kind::Data, &ranged).await?;
        }
        Ok(())
    }

    fn max_batch_bytes(&self, split: &SplitId) -> Result<usize> {
        let claimed = self.owner.splits.get(split);
        Ok(claimed.ok_or(Error::Defect("a chunk of a split that is not claimed"))?.max_batch_bytes)
    }

    pub(super) async fn push(&mut self, split: &SplitId, kind: Kind, ranged: &Ranged) -> Result<()> {
        let Ranged { from, next, batch } = ranged;
        let claimed =
            self.owner.splits.get(split).ok_or(Error::Defect("a chunk of a split that is not claimed"))?;
        let target = if kind == Kind::Data { claimed.target.clone() } else { claimed.journal.clone() };
        let index = claimed.index;
        self.add_by_hand(&target).await?;
        let identity = self.identity()?;
        let records = batch.count();
        let sequence = self.sequences.entry(target.clone()).or_insert(0);
        let segments = sign(batch, identity, *sequence, split)?;
        *sequence = advance_sequence(*sequence, records);
        self.step(Event::Send { split: index, kind })?;
        let bytes = segments.len();
        let (from, next, split) = (*from, *next, split.clone());
        self.pipeline.push(Outgoing { target, split, kind, from, next, records, bytes, segments });
        self.send().await
    }

    async fn add_by_hand(&mut self, target: &Target) -> Result<()> {
        let v1 = self.state.as_ref().is_some_and(|s| s.version == TransactionVersion::V1);
        if !v1 || self.added.contains(target) {
            return Ok(());
        }
        let identity = self.identity()?;
        if let Err(failed) = self.coordinator.add_partition(identity, target).await {
            return Err(self.doubt("AddPartitionsToTxn", failed));
        }
        self.added.push(target.clone());
        Ok(())
    }

    /// R16: the transaction is given up; the batch is written again record by record, and the record that is refused
    /// by itself is named.
    pub(super) async fn refused(&mut self, batch: &Outgoing, reason: String) -> Error {
        if let Err(error) = self.step(Event::Failed(Failure::Poison)) {
            return error;
        }
        self.disconnect();
        let (split, destination) = (batch.split.clone(), batch.target.to_string());
        if !self.suspects.refused(&split, (batch.from, batch.next), batch.records) {
            return Error::RecordRefused { split, offset: batch.from, destination, reason };
        }
        Error::BatchRefused { split, offset: batch.from, destination, reason }
    }
}
