//! What a job says about telling its records apart by what they hold.

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{InstanceName, Member, Nonce, SharedIds};
use velostream_ledger::{StateStore, TaskId};
use velostream_record_id::RecordIdStrategy;

/// What a lane needs to deliver each record once by its content, and not only by its place in the source.
#[derive(Debug, Clone)]
pub struct Deduplication {
    /// Where the ids are kept.
    pub store: Arc<dyn StateStore>,
    /// The task of this lane in the store.
    pub task: TaskId,
    /// This worker; for people who look into the store.
    pub owner: InstanceName,
    /// A random value of this process, from which its claims of the task take theirs.
    pub nonce: Nonce,
    /// What makes two records one.
    pub strategy: RecordIdStrategy,
    /// When ids are forgotten, and what bounds them.
    pub window: Window,
    /// What becomes of ids that the store has lost.
    pub on_id_loss: OnIdLoss,
    /// How often a checkpoint is saved with a transaction.
    pub checkpoint_interval: Duration,
    /// How often a worker that delivers nothing shows in the store that it lives: a third of the time after which others
    /// take it for dead. `None` where nothing but a lock of the host decides that.
    pub keep_alive: Option<Duration>,
    /// `Some` where other jobs take from the same ids.
    pub sharing: Option<Sharing>,
}

/// Ids that several jobs take from. Windows are by arrival then, and equal for all of them.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// Where the set is: the same store for all jobs.
    pub ids: Arc<dyn SharedIds>,
    /// This job in the set.
    pub member: Member,
}

/// How long an id is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// A record is a duplicate where an equal one lies less than this from it.
    pub length: Duration,
    /// By which time that is judged.
    pub time: DeduplicationTime,
    /// How often ids that are older are removed from the store.
    pub cleanup_interval: Duration,
    /// Most ids that are remembered; bounds memory, about 24 bytes each.
    pub max_tracked_records: u64,
    /// What happens where more records than that lie inside the window.
    pub on_tracking_limit: OnTrackingLimit,
}

impl Window {
    /// By arrival, what was delivered then or earlier has left the window; in milliseconds since the Unix epoch.
    #[must_use]
    pub fn expired_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.length_ms())
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        i64::try_from(self.length.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Which time of a record says how far it is from an equal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeduplicationTime {
    /// When it is delivered: an equal one was delivered less than the window before it.
    Arrival,
    /// Its own: the own time of an equal one that was delivered lies less than the window from its, before or after. Ids
    /// are remembered while their time is less than the window behind the latest that was delivered.
    Event,
}

/// What happens where more records lie inside the window than may be remembered. Never is one silently forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnTrackingLimit {
    /// The job stops with an error.
    Stop,
    /// The oldest ids are forgotten early: the window is shorter than configured, which a metric and the log say.
    ShrinkWindow,
}

/// What becomes of ids of records that the sink has committed and the store has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnIdLoss {
    /// They are read from the source again before anything new is delivered.
    Rebuild,
    /// The job stops with an error that names the range.
    Stop,
}
