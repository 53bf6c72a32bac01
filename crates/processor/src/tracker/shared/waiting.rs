//! Waiting for another job.

use std::time::Duration;

use tracing::{debug, info, warn};
use velostream_core::{Code, Disposition, Error, Member};

use crate::metrics::LaneMetrics;

/// A job that lives settles what it holds within a transaction. After this it is named in the log and in the health.
const SUSPICIOUS: Duration = Duration::from_secs(10);

/// Since when a lane waits for ids that another job holds.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by: String,
    since: Option<Duration>,
    said_at: Option<Duration>,
}

impl Waiting {
    /// `now` is a monotonic time.
    pub(super) fn meets(&mut self, by: &str, now: Duration, member: &Member, metrics: &LaneMetrics) {
        metrics.ids_held_elsewhere();
        by.clone_into(&mut self.by);
        let since = *self.since.get_or_insert(now);
        if since == now {
            debug!(%member, by, "waiting for ids that another job holds");
        }
        if now.saturating_sub(self.said_at.unwrap_or(since)) < SUSPICIOUS {
            return;
        }
        self.said_at = Some(now);
        let error = held(member, by);
        warn!(%error, waited = ?now.saturating_sub(since), "still waiting");
        metrics.store_answered(Some(&error));
    }

    /// The error of a caller that does not wait: who has the ids, as of the last time that they were asked for.
    pub(super) fn error(&self, member: &Member) -> Error {
        held(member, &self.by)
    }

    pub(super) fn is_over(&mut self) {
        if self.said_at.is_some() {
            info!("the ids are free");
        }
        *self = Self::default();
    }
}

/// The error of an id that another job holds.
fn held(member: &Member, by: &str) -> Error {
    let what = format!(
        "shared ids {}: {by} has taken ids and has not said whether it delivers their records",
        member.set()
    );
    Error::new(Code::IdsHeld, Disposition::Retry, what)
}
