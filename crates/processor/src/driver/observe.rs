//! What happens becomes an event: a stop, an assignment, what the reader found, or time that has passed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::debug;
use velostream_core::{Assignment, LaneIndex, Read, Result, SplitId, mutant};
use velostream_protocol::job::{During, Event, Phase};

use super::{Driver, Parts};

/// How long a reader may wait when nothing is open.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// How often ids are asked for that another job holds: a fraction of a transaction.
const HELD_WAIT: Duration = Duration::from_millis(20);

enum Wake {
    Stop,
    Assigned(Arc<Assignment>),
    Read(Result<Read>),
}

impl Driver {
    /// Waits for the next fact.
    pub(super) async fn observe(&mut self) -> Result<Event> {
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

    pub(super) fn assigned(&mut self, assignment: Arc<Assignment>) -> Event {
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

    /// Waits; an assignment or a stop ends the wait and becomes the next event.
    pub(super) async fn pause(&mut self, failures: u32) -> Result<Option<Event>> {
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
