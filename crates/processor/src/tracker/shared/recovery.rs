//! Taking a job's member of the set over.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use tracing::info;
use velostream_core::{
    BatchId, Chunk, Claim, Code, Disposition, Epoch, Error, InTurn, Payload, Result, Settlement,
    SourcePosition, SplitId, SplitReader, mutant,
};
use velostream_ledger::SharedNote;
use velostream_protocol::job::{Known, Missing, Pending, settle};

use super::{Holds, Positions, TakenIds};
use crate::tracker::missing::{missing, sink_went_back};
use crate::tracker::task::taken;
use crate::tracker::{in_front_of, keys};

/// The one promise that a member can have.
const PROMISE: BatchId = BatchId(1);

impl TakenIds {
    pub(in crate::tracker) async fn recover(
        &mut self,
        claims: &[Claim],
        reader: &mut dyn SplitReader,
    ) -> Result<BTreeMap<SplitId, Missing>> {
        (self.turn, self.holds, self.filtered) = (None, Holds::Nothing, 0);
        self.open.clear();
        self.passes.clear();
        self.known.clear();
        self.check_windows().await?;
        let member = self.sharing.member.clone();
        let before = self.sharing.ids.member(&member).await?;
        // An epoch of the set stays the highest, also where the task's root was lost.
        let at_least = before.map(|before| before.turn).filter(|turn| !self.task.is(turn.epoch, turn.nonce));
        let state = self.task.claim(at_least.map_or(Epoch(0), |turn| turn.epoch)).await?;
        self.checkpoint = state.latest_checkpoint.unwrap_or_default();
        let ownership = self.task.ownership()?.clone();
        self.metrics.state_operation("enter");
        let entered = match self.sharing.ids.enter(&member, ownership.epoch, ownership.nonce).await? {
            InTurn::Done(entered) => entered,
            InTurn::Stale(standing) => {
                let stands = standing.map_or_else(|| "nothing".to_owned(), |turn| turn.to_string());
                let what = format!("shared ids {member}: {stands} stands there");
                return Err(taken(Error::new(Code::StoreFenced, Disposition::Fenced, what)));
            }
        };
        self.turn = Some(entered.turn);
        let settled = self.read(entered.settled.as_ref())?;
        let promised = entered.promised.as_ref().map(|note| self.read(Some(note))).transpose()?;
        let open = promised.iter().map(|next| Pending { batch: PROMISE, next: next.clone() }).collect();
        let settlement =
            settle(&Known { positions: settled.clone(), open }, claims).map_err(sink_went_back)?;
        self.positions = settled;
        let delivered = !settlement.confirm.is_empty() && !mutant!(PromiseAlwaysReleased);
        match promised.filter(|_| delivered) {
            Some(positions) => self.deliver(positions).await?,
            None if entered.held > 0 || entered.promised.is_some() => {
                self.settle(Settlement::Released).await?
            }
            None => {}
        }
        let missing = missing(settlement.lost, self.config.on_id_loss, reader).await?;
        let ids = self.clean_up().await?;
        info!(
            %member, epoch = %ownership.epoch, ids, confirmed = settlement.confirm.len(), missing = missing.len(),
            "ids recovered"
        );
        Ok(missing)
    }

    /// When they were delivered is not known any more: a record whose own time lies outside the window is left out, the
    /// others count as delivered now.
    pub(in crate::tracker) async fn restore(
        &mut self,
        chunk: Option<Chunk>,
        split: &SplitId,
        next: &SourcePosition,
    ) -> Result<()> {
        if let Some(Chunk { payload: Payload::Records { mut records, .. }, .. }) = chunk {
            let expired_ms = self.expired_ms();
            in_front_of(&mut records, next);
            records.retain(|r| r.timestamp_ms < 0 || r.timestamp_ms > expired_ms);
            let distinct: HashSet<_> = keys(&self.config, &records)?.into_iter().collect();
            let asked: Vec<_> = distinct.into_iter().collect();
            if self.take_ids(&asked, expired_ms).await?.is_none() {
                // Reading it again later costs a claim, and a job that lives settles within a transaction.
                return Err(self.waiting.error(&self.sharing.member));
            }
        }
        let mut positions = self.positions.clone();
        positions.insert(split.clone(), next.clone());
        self.deliver(positions).await
    }

    /// Jobs that share ids must forget them at the same time.
    ///
    /// # Errors
    /// `Reject` with [`Code::Config`] where one has another window.
    pub(super) async fn check_windows(&self) -> Result<()> {
        let (own, set) = (&self.sharing.member, &self.sharing.ids);
        for name in set.members(own.set()).await? {
            let other = velostream_core::Member::new(own.set(), &name)?;
            let Some(state) = set.member(&other).await? else { continue };
            let Some(note) = state.settled.or(state.promised) else { continue };
            let window_ms = SharedNote::decode(&name, &note)?.window_ms;
            let differs = window_ms != self.config.window.length_ms() && !mutant!(WindowsNotCompared);
            if name != own.name() && differs {
                let what = format!(
                    "shared ids {}: this job has a deduplication window of {} ms, {name} one of {window_ms} ms",
                    own.set(),
                    self.config.window.length_ms()
                );
                return Err(Error::new(Code::Config, Disposition::Reject, what).with_remedy(
                    "Give all jobs that share ids the same deduplication_window, or this one another set; a job that is gone for good leaves the set by `velostream state reset`.",
                ));
            }
        }
        Ok(())
    }

    fn read(&self, note: Option<&Bytes>) -> Result<Positions> {
        let Some(note) = note else { return Ok(Positions::new()) };
        Ok(SharedNote::decode(self.sharing.member.name(), note)?.positions)
    }
}
