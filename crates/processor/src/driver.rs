//! The driver of one lane: observes, asks [`step`] what to do, and does it.
//!
//! It is the only caller of the job machine and the only place where its effects become I/O. It holds no decision of
//! its own beyond waiting.

mod chunk;
mod ids;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, debug, info, info_span, warn};
use velostream_core::{
    Assignment, Chunk, Clock, Code, Disposition, Error, LaneIndex, Membership, Read, Result, SinkLane,
    SplitId, SplitReader, mutant,
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

enum Wake {
    Stop,
    Assigned(Arc<Assignment>),
    Read(Result<Read>),
}

enum Flow {
    Continue,
    Done,
}

/// How long a reader may wait when nothing is open.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// How often ids are asked for that another job holds: a fraction of a transaction.
const HELD_WAIT: Duration = Duration::from_millis(20);

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

    /// Waits for the next fact.
    async fn observe(&mut self) -> Result<Event> {
        let wait = match self.until_due() {
            Some(Duration::ZERO) => return Ok(Event::Due),
            Some(left) => left.min(IDLE_WAIT),
            None => IDLE_WAIT,
        };
        let reading = self.state.wants_input();
        let waiting = self.state.offer.is_some();
        let stopping = self.state.stopping;
        let Parts { reader, membership, stop, clock, .. } = &mut self.parts;
        let wake = tokio::select! {
            biased;
            () = asked(stop), if !stopping => Wake::Stop,
            changed = membership.changed(self.state.version) => Wake::Assigned(changed?),
            read = reader.next(wait), if reading => Wake::Read(read),
            () = clock.sleep(HELD_WAIT), if waiting => Wake::Read(Ok(Read::Idle)),
        };
        Ok(match wake {
            Wake::Stop => Event::Stop,
            Wake::Assigned(assignment) => self.assigned(assignment),
            Wake::Read(read) => self.read(read),
        })
    }

    fn until_due(&self) -> Option<Duration> {
        let open = matches!(self.state.phase, Phase::Open(_)) && !mutant!(TransactionNeverDue);
        let begun = self.begun_at.filter(|_| open)?;
        let age = self.parts.clock.monotonic().saturating_sub(begun);
        Some(self.pace.interval().saturating_sub(age))
    }

    fn assigned(&mut self, assignment: Arc<Assignment>) -> Event {
        let moved = mutant!(SplitChangesLane) && assignment.version.0.is_multiple_of(2);
        let splits = assignment
            .splits
            .iter()
            .filter(|s| (lane_of(s, self.parts.lanes) == self.parts.index) != moved)
            .cloned()
            .collect::<Vec<_>>();
        debug!(version = %assignment.version, phase = ?assignment.phase, splits = splits.len(), "assignment");
        let event = Event::Assigned { version: assignment.version, phase: assignment.phase, splits };
        self.assignment = assignment;
        event
    }

    fn read(&mut self, read: Result<Read>) -> Event {
        match read {
            Ok(Read::Chunk(chunk)) => {
                let event = Event::Chunk {
                    split: chunk.split.clone(),
                    from: chunk.from.clone(),
                    next: chunk.next.clone(),
                    records: chunk.records,
                    bytes: chunk.bytes as u64,
                };
                self.chunk = Some(chunk);
                event
            }
            Ok(Read::Advance { split, next }) => Event::Advance { split, next },
            Ok(Read::Gap { split, next }) => Event::Gap { split, next },
            Ok(Read::Idle) => Event::Idle,
            Ok(Read::End(split)) => Event::Ended(split),
            Err(error) => self.failure(During::Read, error),
        }
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

    /// Waits; an assignment or a stop ends the wait and becomes the next event.
    async fn pause(&mut self, failures: u32) -> Result<Option<Event>> {
        let pause = self.parts.backoff.pause(failures, u64::from(self.parts.index.0));
        let stopping = self.state.stopping;
        let Parts { membership, clock, stop, .. } = &mut self.parts;
        let assignment = tokio::select! {
            biased;
            () = asked(stop), if !stopping => return Ok(Some(Event::Stop)),
            changed = membership.changed(self.state.version) => changed?,
            () = clock.sleep(pause) => return Ok(None),
        };
        Ok(Some(self.assigned(assignment)))
    }

    fn failure(&mut self, during: During, error: Error) -> Event {
        let disposition = error.disposition();
        self.parts.metrics.failed(during, disposition);
        if matches!(
            during,
            During::Recover | During::Restore | During::Take | During::Remember | During::Confirm
        ) {
            self.parts.metrics.store_answered(Some(&error));
        }
        if disposition == Disposition::Fenced {
            info!(during = during.as_str(), %error, "superseded; waiting for the next assignment");
        } else if !error.is_fatal() {
            let cause = cause(&error);
            warn!(during = during.as_str(), %disposition, cause, %error, "will recover");
        }
        // What follows from a fatal error must not hide it.
        if !self.error.as_ref().is_some_and(Error::is_fatal) {
            self.error = Some(error);
        }
        Event::Failed { during, disposition }
    }

    fn fatal(&mut self) -> Error {
        self.error.take().filter(Error::is_fatal).unwrap_or_else(|| {
            let what = "the reader left a gap or an overlap between two chunks";
            Error::new(Code::Internal, Disposition::Corrupt, what)
        })
    }

    fn publish(&self) {
        let lag = self.parts.reader.lag_records();
        self.parts.metrics.lag(lag);
        self.parts.status.send_if_modified(|status| status.update(&self.state, lag));
    }
}

/// The causes of an error, the nearest first, without those that repeat what was said.
fn cause(error: &Error) -> String {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let text = source.to_string();
        if !said.ends_with(&text) {
            causes.push(text.clone());
            said = text;
        }
        next = source.source();
    }
    causes.join(": ")
}

/// Returns once a stop was asked for. A worker that is gone counts as asking.
async fn asked(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|s| *s).await);
}

/// The lane of a split: a function of its name alone, so that it never changes inside a worker.
fn lane_of(split: &SplitId, lanes: u16) -> LaneIndex {
    // FNV-1a: stable across versions, which the standard hasher does not promise.
    let hash = split
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    LaneIndex(u16::try_from((hash >> 16) % u64::from(lanes.max(1))).unwrap_or(0))
}
