//! Ids that several jobs take from: a job makes them its own before it writes their records, and says afterwards what
//! became of them.

mod ending;
mod known;
mod recovery;
mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use known::Known;
use velostream_checkpoint::CheckpointId;
use velostream_core::{
    Chunk, Clock, Code, Disposition, Error, InTurn, Progress, Result, SharedId, SourcePosition, SplitId,
    Taking, Turn, mutant,
};
use velostream_ledger::SharedNote;
use velostream_record_id::TrackerKey;
use waiting::Waiting;

use super::task::{Task, taken};
use super::{Deduplication, Sharing, keep, keys, records};
use crate::metrics::LaneMetrics;

type Positions = BTreeMap<SplitId, SourcePosition>;

/// What the job's member of the set holds, as far as this process knows.
#[derive(Debug)]
enum Holds {
    Nothing,
    /// Ids of the open transaction.
    Taken,
    /// The sink is about to commit it, and leads to these positions.
    Promised(Positions),
    /// The sink has committed it, and the set does not know yet.
    Delivered(Positions),
}

/// A lane's side of a set of shared ids.
#[derive(Debug)]
pub(super) struct TakenIds {
    config: Deduplication,
    sharing: Sharing,
    clock: Arc<dyn Clock>,
    metrics: LaneMetrics,
    task: Task,
    /// `None` until the first recovery.
    turn: Option<Turn>,
    holds: Holds,
    /// Ids of the open transaction, and of one that is not settled.
    open: HashSet<TrackerKey>,
    /// Which records of the chunk in hand pass.
    passes: Vec<bool>,
    /// Ids that are known to be delivered: they need not be asked for.
    known: Known,
    waiting: Waiting,
    /// Records of the open transaction that were delivered before.
    filtered: u64,
    /// As the set has them.
    positions: Positions,
    checkpoint: CheckpointId,
    /// Monotonic times of the last checkpoint and the last cleanup.
    saved_at: Duration,
    cleaned_at: Duration,
}

impl TakenIds {
    pub(super) fn new(
        config: Deduplication,
        sharing: Sharing,
        clock: Arc<dyn Clock>,
        metrics: LaneMetrics,
    ) -> Self {
        let now = clock.monotonic();
        Self {
            task: Task::new(&config, &clock, &metrics),
            config,
            sharing,
            clock,
            metrics,
            turn: None,
            holds: Holds::Nothing,
            open: HashSet::new(),
            passes: Vec::new(),
            known: Known::default(),
            waiting: Waiting::default(),
            filtered: 0,
            positions: Positions::new(),
            checkpoint: CheckpointId(0),
            saved_at: now,
            cleaned_at: now,
        }
    }

    pub(super) async fn take(&mut self, chunk: &Chunk) -> Result<bool> {
        // First, so that nobody waits for what this lane has delivered while it waits itself.
        if !mutant!(DeliveredWaits) {
            self.settle_delivered().await?;
        }
        let keys = keys(&self.config, records(chunk)?)?;
        let expired_ms = self.expired_ms();
        let mut seen = HashSet::with_capacity(keys.len());
        let unknown = |key: &&TrackerKey| {
            !self.open.contains(*key) && !self.known.has(key, expired_ms) && seen.insert(**key)
        };
        let asked: Vec<TrackerKey> = keys.iter().filter(unknown).copied().collect();
        let Some(mut fresh) = self.take_ids(&asked, expired_ms).await? else { return Ok(false) };
        self.passes = keys.iter().map(|key| fresh.remove(key) && self.open.insert(*key)).collect();
        Ok(true)
    }

    /// Those of the ids that are this lane's from now on; `None` where another job has one of them.
    async fn take_ids(
        &mut self,
        asked: &[TrackerKey],
        expired_ms: i64,
    ) -> Result<Option<HashSet<TrackerKey>>> {
        if asked.is_empty() {
            return Ok(Some(HashSet::new()));
        }
        let ids: Vec<SharedId> = asked.iter().map(|key| key.0).collect();
        self.metrics.state_operation("take");
        let Sharing { ids: set, member } = &self.sharing;
        let taking = set.take(member, self.turn()?, &ids, expired_ms).await?;
        let (delivered, total) = match self.in_turn(taking).await? {
            Taking::Held { by } => {
                let now = self.clock.monotonic();
                self.waiting.meets(&by, now, &self.sharing.member, &self.metrics);
                return Ok(None);
            }
            Taking::Taken { delivered, total } => (delivered, total),
        };
        self.waiting.is_over();
        let mut fresh = HashSet::with_capacity(asked.len());
        for (key, at_ms) in asked.iter().zip(delivered) {
            match at_ms {
                Some(at_ms) => self.known.insert(*key, at_ms),
                None => {
                    fresh.insert(*key);
                }
            }
        }
        if !fresh.is_empty() {
            self.holds = Holds::Taken;
        }
        self.metrics.tracked(total);
        self.keep_bound(total).await?;
        Ok(Some(fresh))
    }

    pub(super) fn filter(&mut self, mut chunk: Chunk) -> Result<Chunk> {
        let passes = std::mem::take(&mut self.passes);
        if passes.len() != records(&chunk)?.len() {
            let what = "a chunk is written whose ids were not taken";
            return Err(Error::new(Code::Internal, Disposition::Corrupt, what));
        }
        self.filtered = self.filtered.saturating_add(keep(&mut chunk, passes));
        Ok(chunk)
    }

    pub(super) async fn remember(&mut self, progress: &[Progress]) -> Result<()> {
        let mut positions = self.positions.clone();
        positions.extend(progress.iter().map(|p| (p.split.clone(), p.next.clone())));
        let note = self.note(&positions)?;
        self.metrics.state_operation("promise");
        let Sharing { ids: set, member } = &self.sharing;
        let promised = set.promise(member, self.turn()?, note).await?;
        self.in_turn(promised).await?;
        self.metrics.remembered(self.clock.unix_ms());
        self.holds = Holds::Promised(positions);
        Ok(())
    }

    pub(super) fn committed(&mut self) -> u64 {
        if let Holds::Promised(positions) = std::mem::replace(&mut self.holds, Holds::Nothing) {
            self.holds = Holds::Delivered(positions);
        }
        let filtered = std::mem::take(&mut self.filtered);
        self.metrics.filtered(filtered);
        filtered
    }

    /// The answer where it was this lane's turn.
    ///
    /// # Errors
    /// `Reject` where another process has the job's task; `Reconcile` where the set went back or a call of this process came
    /// late: recovery finds out what stands.
    async fn in_turn<T>(&self, answer: InTurn<T>) -> Result<T> {
        let standing = match answer {
            InTurn::Done(answer) => return Ok(answer),
            InTurn::Stale(standing) => standing,
        };
        self.config.store.renew(self.task.ownership()?).await.map_err(taken)?;
        let stands = standing.map_or_else(|| "nothing".to_owned(), |turn| turn.to_string());
        let what = format!(
            "shared ids {}: {stands} stands there instead of this worker's turn",
            self.sharing.member
        );
        Err(Error::new(Code::StoreFenced, Disposition::Reconcile, what))
    }

    fn turn(&self) -> Result<Turn> {
        self.turn.ok_or_else(|| {
            Error::new(Code::Internal, Disposition::Corrupt, "ids are asked for before they were recovered")
        })
    }

    fn note(&self, positions: &Positions) -> Result<bytes::Bytes> {
        let note = SharedNote { positions: positions.clone(), window_ms: self.config.window.length_ms() };
        Ok(note.encode(self.sharing.member.name())?)
    }

    fn expired_ms(&self) -> i64 {
        self.config.window.expired_ms(self.clock.unix_ms())
    }
}
