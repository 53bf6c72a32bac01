//! Taking the state store over.

use std::collections::BTreeMap;

use tracing::{info, warn};
use velostream_core::{
    BatchId, Chunk, Claim, Code, Disposition, Epoch, Error, Payload, Progress, Result, SourcePosition,
    SplitId, SplitReader,
};
use velostream_ledger::Commit;
use velostream_protocol::job::{Known, Lost, Missing, Pending, settle};

use super::OwnedIds;
use crate::OnIdLoss;
use crate::tracker::missing::{missing, sink_went_back};
use crate::tracker::task::taken;
use crate::tracker::{in_front_of, keys};

impl OwnedIds {
    pub(in crate::tracker) async fn recover(
        &mut self,
        claims: &[Claim],
        reader: &mut dyn SplitReader,
    ) -> Result<BTreeMap<SplitId, Missing>> {
        self.open.clear();
        self.filtered = 0;
        (self.remembered, self.unconfirmed) = (None, None);
        let state = self.task.claim(Epoch(0)).await?;
        let ownership = self.task.ownership()?.clone();
        // Refused before anything is settled in a way that the other dates would not want.
        self.resume_event_time(&state)?;
        let open = |batch: &velostream_checkpoint::ActiveBatch| Pending {
            batch: batch.batch,
            next: batch.next_positions.clone(),
        };
        let known =
            Known { positions: state.positions.clone(), open: state.open_batches.iter().map(open).collect() };
        let mut settlement = settle(&known, claims).map_err(sink_went_back)?;
        let store = &self.config.store;
        for batch in &settlement.confirm {
            store.commit_batch_processing(&ownership, Commit::of(*batch)).await.map_err(taken)?;
        }
        if let Some(batch) = settlement.abort {
            store.abort_batch_processing(&ownership, batch).await.map_err(taken)?;
        }
        match store.record_status(&ownership, &[]).await {
            Ok(_) => {}
            Err(error) if is_lost(&error) && self.config.on_id_loss == OnIdLoss::Rebuild => {
                warn!(%error, "ids are lost or damaged; all of them are read from the source again");
                store.forget_records(&ownership).await.map_err(taken)?;
                settlement.lost = claims.iter().filter(|c| c.batch != BatchId(0)).map(from_start).collect();
            }
            Err(error) => return Err(taken(error)),
        }
        let missing = missing(settlement.lost, self.config.on_id_loss, reader).await?;
        let state = store.observe(&self.config.task).await?.unwrap_or(state);
        self.resume_event_time(&state)?;
        self.next = state.committed.next();
        self.tracked = state.tracked_records;
        self.metrics.tracked(self.tracked);
        self.checkpoint = state.latest_checkpoint.unwrap_or_default();
        self.positions = state.positions;
        info!(
            task = %self.config.task, epoch = %ownership.epoch, ids = self.tracked,
            confirmed = settlement.confirm.len(), missing = missing.len(), "ids recovered"
        );
        Ok(missing)
    }

    /// By arrival: when they were delivered is not known any more: a record whose own time lies outside the window is left
    /// out, the others count as delivered now. By event time they are judged again, in the order in which they are read
    /// again: what was a duplicate then is one now, unless the order of splits made it one.
    pub(in crate::tracker) async fn restore(
        &mut self,
        chunk: Option<Chunk>,
        split: &SplitId,
        next: &SourcePosition,
    ) -> Result<()> {
        let ownership = self.task.ownership()?.clone();
        if let Some(Chunk { payload: Payload::Records { mut records, .. }, .. }) = chunk {
            in_front_of(&mut records, next);
            if self.event_time.is_some() {
                let keys = keys(&self.config, &records)?;
                self.pass_by_event_time(&records, &keys).await?;
            } else {
                let expired_ms = self.expired_ms();
                records.retain(|r| r.timestamp_ms < 0 || r.timestamp_ms > expired_ms);
                let keys = keys(&self.config, &records)?;
                // What came again in the range is there already: one id, and counted once.
                self.pass_by_arrival(&keys).await?;
            }
        }
        self.keep_bound(&ownership).await?;
        let progress =
            Progress { split: split.clone(), next: next.clone(), batch: BatchId(0), released: false };
        self.remember(&[progress]).await?;
        // The sink committed it long ago.
        self.unconfirmed = self.remembered.take();
        if let Some(event_time) = &mut self.event_time {
            event_time.committed();
            event_time.take_late();
        }
        self.confirm().await
    }
}

fn from_start(claim: &Claim) -> Lost {
    Lost { split: claim.split.clone(), from: None, to: claim.position.clone() }
}

/// What was acknowledged once and cannot be read any more.
fn is_lost(error: &Error) -> bool {
    error.disposition() == Disposition::Corrupt
        && matches!(error.code(), Code::StateLost | Code::StateCorrupt)
}
