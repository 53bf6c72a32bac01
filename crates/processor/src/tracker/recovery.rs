//! Taking the state store over.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{info, warn};
use velostream_core::{
    BatchId, Chunk, Claim, Code, Disposition, Epoch, Error, Nonce, Payload, Progress, Result, SourcePosition,
    SplitId, SplitReader,
};
use velostream_ledger::{Claimant, Claimed, Commit, TaskState};
use velostream_protocol::job::{Known, Lost, Missing, Pending, settle};

use super::keep_alive::KeepAlive;
use super::{OnIdLoss, ProcessedRecordTracker, taken};

impl ProcessedRecordTracker {
    /// `Recover`: takes the task, settles what was open there by what the sink has committed, loads the ids, and says
    /// which are lost.
    ///
    /// # Errors
    /// `Reject`: [`Code::SinkWentBack`] where the store is ahead of the sink, [`Code::StateLost`] where ids are lost
    /// and the job says to stop, or their records cannot be read again; as the store.
    pub async fn recover(
        &mut self,
        claims: &[Claim],
        reader: &mut dyn SplitReader,
    ) -> Result<BTreeMap<SplitId, Missing>> {
        self.open.clear();
        self.filtered = 0;
        (self.remembered, self.unconfirmed) = (None, None);
        let state = self.take().await?;
        let ownership = self.ownership()?.clone();
        // Refused before anything is settled in a way that the other dates would not want.
        self.resume_event_time(&state)?;
        let open = |batch: &velostream_checkpoint::ActiveBatch| Pending {
            batch: batch.batch,
            next: batch.next_positions.clone(),
        };
        let known =
            Known { positions: state.positions.clone(), open: state.open_batches.iter().map(open).collect() };
        let mut settlement = settle(&known, claims).map_err(|unfit| {
            let what = format!("{unfit}: records would be filtered that the sink does not hold");
            Error::new(Code::SinkWentBack, Disposition::Reject, what).with_remedy(
                "Restore the sink; or, where it was emptied on purpose, forget the ids: `velostream state reset JOB.yaml --execute`.",
            )
        })?;
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
        let missing = self.missing(settlement.lost, reader).await?;
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

    /// `Restore`: keeps the ids of records that the sink holds already, up to `next`. `chunk` is `None` where there is
    /// nothing in front of `next`.
    ///
    /// By arrival: when they were delivered is not known any more: a record whose own time lies outside the window is left
    /// out, the others count as delivered now. By event time they are judged again, in the order in which they are read
    /// again: what was a duplicate then is one now, unless the order of splits made it one.
    ///
    /// # Errors
    /// As [`filter`](Self::filter).
    pub async fn restore(
        &mut self,
        chunk: Option<Chunk>,
        split: &SplitId,
        next: &SourcePosition,
    ) -> Result<()> {
        let ownership = self.ownership()?.clone();
        if let Some(Chunk { payload: Payload::Records { mut records, .. }, .. }) = chunk {
            records.retain(|r| r.position.order(next) == Some(std::cmp::Ordering::Less));
            if self.event_time.is_some() {
                let keys = self.keys(&records)?;
                self.pass_by_event_time(&records, &keys).await?;
            } else {
                let expired_ms = self.expired_ms();
                records.retain(|r| r.timestamp_ms < 0 || r.timestamp_ms > expired_ms);
                let keys = self.keys(&records)?;
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

    /// The task as it stands. Where this process holds it already, its ids need not be loaded again.
    async fn take(&mut self) -> Result<TaskState> {
        let (store, task) = (&self.config.store, &self.config.task);
        let mut at_least = Epoch(0);
        if let Some(held) = &self.ownership {
            let state = store.observe(task).await?;
            match state.filter(|s| (s.epoch, s.nonce) == (held.epoch, held.nonce) && s.owner.is_some()) {
                Some(state) => return Ok(state),
                None => at_least = held.epoch,
            }
        }
        let claims = self.claims.next();
        self.claims = claims;
        let nonce = Nonce(self.config.nonce.0.wrapping_add(claims.0));
        let claimant = Claimant { owner: self.config.owner.clone(), nonce, at_least };
        self.metrics.state_operation("claim");
        let Claimed { ownership, state } = store.claim(task, &claimant).await.map_err(taken)?;
        self.keep_alive = self.config.keep_alive.map(|interval| {
            KeepAlive::start(Arc::clone(store), Arc::clone(&self.clock), ownership.clone(), interval)
        });
        self.ownership = Some(ownership);
        Ok(state)
    }

    async fn missing(
        &self,
        lost: Vec<Lost>,
        reader: &mut dyn SplitReader,
    ) -> Result<BTreeMap<SplitId, Missing>> {
        let mut missing = BTreeMap::new();
        for Lost { split, from, to } in lost {
            let shown = from.as_ref().map_or_else(|| "its beginning".to_owned(), ToString::to_string);
            if self.config.on_id_loss == OnIdLoss::Stop {
                let what = format!(
                    "{split}: the state store has no ids from {shown} to {to}, which the sink has committed"
                );
                return Err(Error::new(Code::StateLost, Disposition::Reject, what).with_remedy(
                    "Restore the store, or set `on_id_loss: rebuild` to read that range of the source again.",
                ));
            }
            let from = match from {
                Some(from) => from,
                None => reader.beginning(&split, &to).await?,
            };
            if from.order(&to) != Some(std::cmp::Ordering::Less) {
                warn!(%split, %to, "ids are lost, and so are their records in the source: equal ones will pass again");
                continue;
            }
            warn!(%split, %from, %to, "ids are lost; this range of the source is read again before anything is delivered");
            missing.insert(split, Missing { from, to });
        }
        Ok(missing)
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
