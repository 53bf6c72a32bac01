//! What a job keeps in its state store, for the people who run it.

mod bench;
mod shared;
mod spread;
mod transfer;

use std::sync::Arc;

use serde::Serialize;
use velostream_core::{
    Clock, Code, ConditionalStore, Disposition, Epoch, Error, InstanceName, Nonce, Result, SourcePosition,
    SplitId,
};
use velostream_ledger::{Claimant, Dating, Ledger, StateStore as _, TaskId, TaskState};
use velostream_processor::{Sharing, SystemClock};

pub use self::bench::{BenchPlan, Benched};
pub use self::shared::{MemberView, SharedIdsView};
pub use self::spread::Spread;
pub use self::transfer::Transfer;
use crate::config::{JobFile, StateStoreConfig};
use crate::run::state;

/// Who holds a task while an operator changes it.
const OPERATOR: &str = "operator";

/// Keys listed at a time.
const PAGE: usize = 256;

/// The state store of a job. A file belongs to one process at a time; of a store that hosts share, what only reads works
/// beside a worker, and what changes something is refused while one shows life.
#[derive(Debug)]
pub struct JobState {
    job: JobFile,
    clock: Arc<dyn Clock>,
    backend: Arc<dyn ConditionalStore>,
    ledger: Ledger<dyn ConditionalStore>,
    /// Where the job shares its ids with others.
    sharing: Option<Sharing>,
}

/// One task as its root says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskView {
    /// The task.
    pub task: String,
    /// The worker that holds it, or held it when it died; `null` where it was given back.
    pub owner: Option<String>,
    /// How often it was claimed.
    pub epoch: u64,
    /// The last confirmed batch.
    pub committed: u64,
    /// Ids that are remembered.
    pub tracked_records: u64,
    /// What dates them, `arrival` or `event`; `null` where there is nothing.
    pub deduplication_time: Option<&'static str>,
    /// The latest own time of a delivered record in milliseconds since the Unix epoch, where that counts.
    pub latest_event_ms: Option<i64>,
    /// Number of the newest checkpoint.
    pub checkpoint: Option<u64>,
    /// Batches whose outcome is open: the sink decides at the next start.
    pub open_batches: Vec<u64>,
    /// Position up to which all ids are there, by split.
    pub positions: Vec<PositionView>,
    /// The set of ids that the job shares with others; `null` where its ids are its own.
    pub shared_ids: Option<SharedIdsView>,
}

/// Where one split stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PositionView {
    /// The split.
    pub split: String,
    /// Its position.
    pub position: String,
}

impl PositionView {
    fn of((split, position): (&SplitId, &SourcePosition)) -> Self {
        Self { split: split.to_string(), position: position.to_string() }
    }
}

/// A store that is ready for its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Prepared {
    /// The store, by its key in the job file.
    pub store: &'static str,
    /// What it keeps, as it was checked against the server.
    pub class: String,
}

/// What a reset forgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reset {
    /// The task.
    pub task: String,
    /// Ids that are forgotten.
    pub records: u64,
    /// Splits whose positions are forgotten.
    pub splits: usize,
    /// Ids that the job shares and holds, which are free for other jobs then, also where they were delivered; `null` where its
    /// ids are its own.
    pub released: Option<u64>,
    /// False for a dry run: nothing was changed.
    pub executed: bool,
}

impl JobState {
    /// Opens the store of `job`. A store that does not exist is not made.
    ///
    /// # Errors
    /// `Reject`: [`Code::StoreInUse`] while a worker has it open, [`Code::StateIo`] where there is none yet,
    /// [`Code::Config`] where the job keeps its state in memory; as the store.
    pub async fn open(job: &JobFile) -> Result<Self> {
        match job.state_store() {
            StateStoreConfig::Redb(redb) if !redb.path().exists() => {
                let what =
                    format!("job {}: there is no state store at {} yet", job.job, redb.path().display());
                return Err(Error::new(Code::StateIo, Disposition::Reject, what)
                    .with_remedy("It is made when the job runs with ids that have to be remembered."));
            }
            _ => {}
        }
        Self::create(job).await
    }

    /// As [`open`](Self::open), and makes a store where there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn create(job: &JobFile) -> Result<Self> {
        if let StateStoreConfig::Memory(_) = job.state_store() {
            let what = format!("job {}: its state ends with its process", job.job);
            return Err(Error::new(Code::Config, Disposition::Reject, what).with_remedy(
                "Name a store in `state_store` that keeps it: redb, redis, postgres or dynamodb.",
            ));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let backend = state::backend(job).await?;
        let sharing = state::sharing(job, &backend)?;
        let ledger = state::ledger(job, Arc::clone(&backend.store), &clock);
        Ok(Self { job: job.clone(), clock, backend: backend.store, ledger, sharing })
    }

    /// Makes what the store of `job` needs, such as tables, and checks that the server keeps the class that the job file
    /// claims. What is there already stays as it is.
    ///
    /// # Errors
    /// `Reject`: [`Code::Config`] where the job keeps its state in memory, [`Code::StoreWeak`] where the server keeps less;
    /// as the store.
    ///
    /// # Crash safety
    /// May be repeated.
    pub async fn prepare(job: &JobFile) -> Result<Prepared> {
        state::prepare(job).await?;
        let store = job.state_store();
        Ok(Prepared { store: store.key(), class: store.class().to_string() })
    }

    /// Every task in the store, whichever job it belongs to.
    ///
    /// # Errors
    /// As the store.
    pub async fn tasks(&self) -> Result<Vec<TaskView>> {
        let (mut tasks, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.backend.list("", after.as_deref(), PAGE).await?;
            let Some(last) = page.last().cloned() else { return Ok(tasks) };
            for name in page.iter().filter_map(|key| key.strip_suffix("/root")) {
                let task = TaskId::new(name)?;
                tasks.extend(self.ledger.observe(&task).await?.map(|state| view(&task, &state)));
            }
            after = Some(last);
        }
    }

    /// The task of this job; `None` where it has none in the store.
    ///
    /// # Errors
    /// As the store.
    pub async fn task(&self) -> Result<Option<TaskView>> {
        let task = state::task(&self.job.job)?;
        let Some(found) = self.ledger.observe(&task).await? else { return Ok(None) };
        Ok(Some(TaskView { shared_ids: self.shared_ids().await?, ..view(&task, &found) }))
    }

    /// Forgets all ids and positions of this job's task. Of ids that it shares with others the delivered ones stay, and what
    /// it holds is free for all: the job leaves the set. A job whose sink still holds records rebuilds their ids at its
    /// next start, or stops, as `on_id_loss` says; a job whose sink was emptied starts over.
    ///
    /// # Errors
    /// `Reject` with [`Code::StoreInUse`] where a worker shows life within [`LEASE`](crate::settings::LEASE), for which a
    /// store that hosts share is watched; as the store. `None` where the job has no task.
    ///
    /// # Crash safety
    /// All of it is forgotten or nothing.
    pub async fn reset(&self, execute: bool) -> Result<Option<Reset>> {
        let task = state::task(&self.job.job)?;
        let Some(found) = self.ledger.observe(&task).await? else { return Ok(None) };
        let released = match &self.sharing {
            Some(Sharing { ids, member }) => Some(ids.member(member).await?.map_or(0, |state| state.held)),
            None => None,
        };
        let reset = Reset {
            task: task.to_string(),
            records: found.tracked_records,
            splits: found.positions.len(),
            released,
            executed: execute,
        };
        if execute {
            if self.job.state_store().is_shared() {
                state::await_gone(&self.job, &self.ledger, &task, None, self.clock.as_ref()).await?;
            }
            let nonce = Nonce(rand::random());
            let claimant = Claimant { owner: InstanceName::new(OPERATOR), nonce, at_least: Epoch(0) };
            let claimed = self.ledger.claim(&task, &claimant).await?;
            if let Some(first) = claimed.state.open_batches.first() {
                self.ledger.abort_batch_processing(&claimed.ownership, first.batch).await?;
            }
            if let Some(Sharing { ids, member }) = &self.sharing {
                ids.leave(member).await?;
            }
            self.ledger.forget_records(&claimed.ownership).await?;
            self.ledger.sweep(&claimed.ownership).await?;
            self.ledger.release(&claimed.ownership).await?;
        }
        Ok(Some(reset))
    }
}

fn view(task: &TaskId, state: &TaskState) -> TaskView {
    let (time, latest_event_ms) = match state.dating {
        None => (None, None),
        Some(Dating::Arrival) => (Some("arrival"), None),
        Some(Dating::Event { latest_ms }) => (Some("event"), latest_ms),
    };
    TaskView {
        task: task.to_string(),
        owner: state.owner.as_ref().map(|owner| owner.to_string()),
        epoch: state.epoch.0,
        committed: state.committed.0,
        tracked_records: state.tracked_records,
        deduplication_time: time,
        latest_event_ms,
        checkpoint: state.latest_checkpoint.map(|id| id.0),
        open_batches: state.open_batches.iter().map(|open| open.batch.0).collect(),
        positions: state.positions.iter().map(PositionView::of).collect(),
        shared_ids: None,
    }
}
