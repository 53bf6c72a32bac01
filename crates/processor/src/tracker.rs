//! Which records were delivered before: the lane's side of the state store.
//!
//! The methods are the effects of the job machine that concern ids; what is done when is decided there and in
//! [`settle`](velostream_protocol::job::settle). Two modes: ids of one job, which its owner has in memory ([`owned`]),
//! and ids that several jobs take from ([`shared`]). Where records are told apart by their place in the source there is
//! no tracker at all: the committed positions are the set.

mod deduplication;
mod keep_alive;
mod missing;
mod owned;
mod shared;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use deduplication::{Deduplication, DeduplicationTime, OnIdLoss, OnTrackingLimit, Sharing, Window};
use owned::OwnedIds;
use shared::TakenIds;
use velostream_core::{
    Chunk, Claim, Clock, Code, Disposition, Error, Payload, Progress, Result, SourcePosition, SplitId,
    SplitReader, StreamRecord,
};
use velostream_protocol::job::Missing;
use velostream_record_id::{RecordIdentifier, TrackerKey};

use crate::metrics::LaneMetrics;

/// Filters what was delivered before, and keeps in the state store what is delivered now. Exact: no answer is a guess.
#[derive(Debug)]
pub struct ProcessedRecordTracker(Mode);

#[derive(Debug)]
enum Mode {
    Owned(Box<OwnedIds>),
    Shared(Box<TakenIds>),
}

impl ProcessedRecordTracker {
    /// A tracker that has not asked its store yet.
    #[must_use]
    pub fn new(config: Deduplication, clock: Arc<dyn Clock>, metrics: LaneMetrics) -> Self {
        metrics.ids_are_tracked(&config);
        Self(match config.sharing.clone() {
            None => Mode::Owned(Box::new(OwnedIds::new(config, clock, metrics))),
            Some(sharing) => Mode::Shared(Box::new(TakenIds::new(config, sharing, clock, metrics))),
        })
    }

    /// True where other jobs take from the same ids, so that [`take`](Self::take) comes before each write.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.0, Mode::Shared(_))
    }

    /// `Recover`: takes the task, settles what was open there by what the sink has committed, loads the ids, and says
    /// which are lost.
    ///
    /// # Errors
    /// `Reject`: [`Code::SinkWentBack`] where the store is ahead of the sink, [`Code::StateLost`] where ids are lost
    /// and the job says to stop, or their records cannot be read again, [`Code::Config`] where jobs that share ids do not
    /// agree on the window; as the store.
    pub async fn recover(
        &mut self,
        claims: &[Claim],
        reader: &mut dyn SplitReader,
    ) -> Result<BTreeMap<SplitId, Missing>> {
        match &mut self.0 {
            Mode::Owned(ids) => ids.recover(claims, reader).await,
            Mode::Shared(ids) => ids.recover(claims, reader).await,
        }
    }

    /// `Restore`: keeps the ids of records that the sink holds already, up to `next`. `chunk` is `None` where there is
    /// nothing in front of `next`.
    ///
    /// # Errors
    /// As [`filter`](Self::filter).
    pub async fn restore(
        &mut self,
        chunk: Option<Chunk>,
        split: &SplitId,
        next: &SourcePosition,
    ) -> Result<()> {
        match &mut self.0 {
            Mode::Owned(ids) => ids.restore(chunk, split, next).await,
            Mode::Shared(ids) => ids.restore(chunk, split, next).await,
        }
    }

    /// `Take`: makes the ids of a chunk this lane's own, all or none; false where another job has one of them.
    ///
    /// # Errors
    /// As [`filter`](Self::filter).
    pub async fn take(&mut self, chunk: &Chunk) -> Result<bool> {
        match &mut self.0 {
            Mode::Owned(_) => Ok(true),
            Mode::Shared(ids) => ids.take(chunk).await,
        }
    }

    /// `Write`: the chunk without the records that were delivered before, in this very chunk and transaction or in an
    /// earlier one.
    ///
    /// # Errors
    /// `Reject` where a record has no id, or where the bound of ids is reached and the job says to stop; as the store.
    pub async fn filter(&mut self, chunk: Chunk) -> Result<Chunk> {
        match &mut self.0 {
            Mode::Owned(ids) => ids.filter(chunk).await,
            Mode::Shared(ids) => ids.filter(chunk),
        }
    }

    /// `Remember`: makes the ids of the open transaction durable as pending, with the positions that it leads to.
    ///
    /// # Errors
    /// As the store; nothing is known then before the next recovery.
    pub async fn remember(&mut self, progress: &[Progress]) -> Result<()> {
        match &mut self.0 {
            Mode::Owned(ids) => ids.remember(progress).await,
            Mode::Shared(ids) => ids.remember(progress).await,
        }
    }

    /// The sink has committed what was remembered. Returns the records of that transaction that were filtered.
    pub fn committed(&mut self) -> u64 {
        match &mut self.0 {
            Mode::Owned(ids) => ids.committed(),
            Mode::Shared(ids) => ids.committed(),
        }
    }

    /// `Confirm`: the remembered batch counts.
    ///
    /// # Errors
    /// As the store.
    pub async fn confirm(&mut self) -> Result<()> {
        match &mut self.0 {
            Mode::Owned(ids) => ids.confirm().await,
            Mode::Shared(ids) => ids.confirm().await,
        }
    }

    /// `Abort`: the sink has rolled the open transaction back. Other jobs need not wait for the next recovery to take its
    /// ids; where the store cannot be told, that recovery does it.
    pub async fn aborted(&mut self) {
        match &mut self.0 {
            Mode::Owned(_) => {}
            Mode::Shared(ids) => ids.aborted().await,
        }
    }

    /// `Finish`: gives the task back. Only for whoever looks at the store: the next owner needs no leave.
    pub async fn release(&mut self) {
        match &mut self.0 {
            Mode::Owned(ids) => ids.release().await,
            Mode::Shared(ids) => ids.release().await,
        }
    }
}

/// The records of a chunk that was decoded.
fn records(chunk: &Chunk) -> Result<&[StreamRecord]> {
    match &chunk.payload {
        Payload::Records { records, .. } => Ok(records),
        Payload::Encoded(_) => {
            let what = "a chunk that was not decoded reached the tracker";
            Err(Error::new(Code::Internal, Disposition::Corrupt, what))
        }
    }
}

fn keys(config: &Deduplication, records: &[StreamRecord]) -> Result<Vec<TrackerKey>> {
    let key = |record| Ok(config.strategy.generate_id(record)?.tracker_key());
    records.iter().map(key).collect()
}

/// Leaves the records in that pass; returns how many do not.
fn keep(chunk: &mut Chunk, passes: Vec<bool>) -> u64 {
    let Payload::Records { records, .. } = &mut chunk.payload else { return 0 };
    let before = records.len();
    let mut passes = passes.into_iter();
    records.retain(|_| passes.next().unwrap_or(false));
    chunk.records = count(records.len());
    count(before.saturating_sub(records.len()))
}

/// Only the records in front of a position.
fn in_front_of(records: &mut Vec<StreamRecord>, next: &SourcePosition) {
    records.retain(|r| r.position.order(next) == Some(std::cmp::Ordering::Less));
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
