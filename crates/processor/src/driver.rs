//! The driver of one lane: observes, asks [`step`] what to do, and does it.
//!
//! It is the only caller of the job machine and the only place where its effects become I/O. It holds no decision of
//! its own beyond waiting.

mod chunk;
mod failure;
mod ids;
mod observe;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, info, info_span};
use velostream_core::{
    Assignment, Chunk, Clock, Code, Disposition, Error, LaneIndex, Membership, Result, SinkLane, SplitReader,
};
use velostream_protocol::job::{self, During, Effect, Event, Limits, Phase, State, step};

use crate::metrics::LaneMetrics;
use crate::pace::Pace;
use crate::status::LaneStatus;
use crate::{Backoff, Deduplication, ProcessedRecordTracker, Transactions};

/// What a driver works with.
pub(crate) struct Parts {
    pub(crate) index: LaneIndex,
    pub(crate) lanes: u16,
    pub(crate) reader: Box<dyn SplitReader>,
    pub(crate) lane: Box<dyn SinkLane>,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) status: watch::Sender<LaneStatus>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) transactions: Transactions,
    pub(crate) backoff: Backoff,
    pub(crate) max_decoded_bytes: usize,
    pub(crate) deduplication: Option<Deduplication>,
}

/// One lane at work.
pub(crate) struct Driver {
    parts: Parts,
    /// `Some` where records are told apart by what they hold.
    tracker: Option<ProcessedRecordTracker>,
    state: State,
    assignment: Arc<Assignment>,
    /// The chunk that the next `Write` takes.
    chunk: Option<Chunk>,
    /// The newest error, for `Fail` and for the log.
    error: Option<Error>,
    begun_at: Option<Duration>,
    pace: Pace,
}

enum Flow {
    Continue,
    Done,
}

impl Driver {
    pub(crate) fn new(mut parts: Parts) -> Self {
        let state = State::new(Limits { max_bytes: parts.transactions.max_bytes });
        let assignment = parts.membership.current();
        let tracker = parts.deduplication.take().map(|config| {
            ProcessedRecordTracker::new(config, Arc::clone(&parts.clock), parts.metrics.clone())
        });
        let state = match &tracker {
            Some(tracker) if tracker.is_shared() => state.sharing(),
            Some(_) => state.tracking(),
            None => state,
        };
        let pace = Pace::new(parts.transactions.max_interval);
        Self { parts, tracker, state, assignment, chunk: None, error: None, begun_at: None, pace }
    }

    /// Runs until a stop or an error that only an operator can mend.
    pub(crate) async fn run(mut self) -> Result<()> {
        let span = info_span!("lane", lane = %self.parts.index);
        async move {
            let current = self.parts.membership.current();
            let first = self.assigned(current);
            let mut flow = self.apply(first).await?;
            while matches!(flow, Flow::Continue) {
                self.publish();
                let event = self.observe().await?;
                flow = self.apply(event).await?;
            }
            self.publish();
            Ok(())
        }
        .instrument(span)
        .await
    }

    /// Steps an event and everything that follows from it.
    async fn apply(&mut self, event: Event) -> Result<Flow> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let state = std::mem::replace(&mut self.state, State::new(Limits { max_bytes: 0 }));
            let (state, effects) = step(state, event);
            self.state = state;
            if let Err(violation) = job::check(&self.state) {
                return Err(Error::new(Code::Internal, Disposition::Corrupt, violation.to_string()));
            }
            for effect in effects {
                match effect {
                    Effect::Finish => {
                        if let Some(tracker) = &mut self.tracker {
                            tracker.release().await;
                        }
                        return Ok(Flow::Done);
                    }
                    Effect::Fail => return Err(self.fatal()),
                    Effect::Pause { failures } => {
                        if let Some(interrupt) = self.pause(failures).await? {
                            events.push_back(interrupt);
                            break;
                        }
                    }
                    other => match self.perform(other).await {
                        Ok(event) => events.extend(event),
                        Err((during, error)) => {
                            events.push_back(self.failure(during, error));
                            break;
                        }
                    },
                }
            }
        }
        Ok(Flow::Continue)
    }

    async fn perform(&mut self, effect: Effect) -> Result<Option<Event>, (During, Error)> {
        let Parts { index, reader, lane, membership, metrics, clock, .. } = &mut self.parts;
        let tracker = self.tracker.as_mut();
        match effect {
            Effect::Acknowledge(version) => membership.acknowledge(*index, version),
            Effect::Claim { splits } => {
                let began = clock.monotonic();
                let claims = lane.claim(&self.assignment, &splits).await.map_err(|e| (During::Claim, e))?;
                metrics.claimed(clock.monotonic().saturating_sub(began));
                info!(splits = claims.len(), version = %self.assignment.version, "claimed");
                return Ok(Some(Event::Claimed(claims)));
            }
            ids @ (Effect::Recover(_)
            | Effect::Restore { .. }
            | Effect::Take
            | Effect::Remember(_)
            | Effect::Confirm) => return self.perform_on_ids(ids).await,
            Effect::Assign(positions) => reader.assign(&positions).await.map_err(|e| (During::Assign, e))?,
            Effect::Revoke(splits) => {
                self.chunk = None;
                reader.revoke(&splits).await.map_err(|e| (During::Revoke, e))?;
            }
            Effect::Begin => {
                lane.begin(&self.assignment).await.map_err(|e| (During::Begin, e))?;
                self.begun_at = Some(clock.monotonic());
            }
            Effect::Write => {
                if let Some(chunk) = self.chunk.take() {
                    self.write(chunk).await.map_err(|e| (During::Write, e))?;
                }
            }
            Effect::Commit(progress) => {
                let began = clock.monotonic();
                lane.commit(&progress).await.map_err(|e| (During::Commit, e))?;
                let took = clock.monotonic().saturating_sub(began);
                self.pace.committed(took);
                let filtered = tracker.map_or(0, ProcessedRecordTracker::committed);
                if let Phase::Committing(t) = &self.state.phase {
                    metrics.committed(t.records.saturating_sub(filtered), t.bytes, took, clock.unix_ms());
                }
                return Ok(Some(Event::Committed));
            }
            Effect::Abort => {
                metrics.aborted();
                lane.abort().await.map_err(|e| (During::Abort, e))?;
                if let Some(tracker) = tracker {
                    tracker.aborted().await;
                }
            }
            Effect::Reset => {
                lane.reset().await.map_err(|e| (During::Reset, e))?;
                return Ok(Some(Event::ResetDone));
            }
            // Handled by the caller, who owns the control flow.
            Effect::Pause { .. } | Effect::Finish | Effect::Fail => {}
        }
        Ok(None)
    }

    fn publish(&self) {
        let lag = self.parts.reader.lag_records();
        self.parts.metrics.lag(lag);
        self.parts.status.send_if_modified(|status| status.update(&self.state, lag));
    }
}
