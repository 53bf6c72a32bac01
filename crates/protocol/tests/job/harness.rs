//! A driver and a sink in memory around the real machine: effects run in order, a failed one drops the rest, and the
//! sink judges every call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::store::Store;
use velostream_core::{
    AssignmentVersion, BatchId, Claim, Disposition, Phase, Progress, SourcePosition, SplitId,
};
use velostream_protocol::job::{self, During, Effect, Event, Limits, State, check, step};

pub(crate) const SPLITS: u8 = 3;
pub(crate) const MAX_BYTES: u64 = 40;

pub(crate) fn split(index: u8) -> SplitId {
    SplitId::new(format!("orders-{index}"))
}

pub(crate) fn at(split: &SplitId, offset: u64) -> SourcePosition {
    SourcePosition::File { path: split.as_str().into(), offset, line: 0 }
}

pub(crate) fn offset(position: &SourcePosition) -> u64 {
    match position {
        SourcePosition::File { offset, .. } => *offset,
        _ => panic!("a position of another source"),
    }
}

/// What the world does to the next effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails; `applied` where the disposition leaves that open.
    Fails { disposition: Disposition, applied: bool },
    /// It succeeds.
    None,
}

/// What a lane and its reader show to the machine.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Assigned {
        lost: bool,
        splits: Vec<u8>,
    },
    Rejoining,
    Chunk {
        split: u8,
        records: u64,
    },
    Misplaced {
        split: u8,
        by: i64,
    },
    Advance {
        split: u8,
        by: u64,
    },
    Ended(u8),
    Idle,
    Due,
    ReadFailed(Disposition),
    Stop,
    /// Another job has an id of each of the next chunks that are asked for, so many times.
    OthersHold(u8),
    /// The store is set back by so many writes while nobody holds it: the worker starts again.
    StoreLoses(usize),
}

/// What is open in the sink.
#[derive(Debug, Default)]
struct OpenTransaction {
    written: BTreeMap<SplitId, u64>,
}

/// A sink that holds the committed position and batch number of every split.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) committed: BTreeMap<SplitId, (u64, BatchId)>,
    claimed: BTreeSet<SplitId>,
    open: Option<OpenTransaction>,
    /// Positions that the reader said hold nothing to deliver.
    empty: BTreeSet<(SplitId, u64)>,
    pub(crate) commits: u64,
}

#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) state: State,
    pub(crate) sink: Sink,
    /// What the reader was told to read, and from where.
    reading: BTreeMap<SplitId, u64>,
    pub(crate) version: u64,
    /// Newest acknowledged version.
    pub(crate) acknowledged: u64,
    /// The newest published value takes everything away.
    pub(crate) lost: bool,
    chunk: Option<(SplitId, u64, u64)>,
    /// The ids of the chunk in hand are this lane's.
    taken: bool,
    /// Takings that another job stands in the way of.
    others: u8,
    faults: VecDeque<Fault>,
    pub(crate) trace: Vec<Effect>,
    pub(crate) finished: bool,
    pub(crate) store: Store,
}

impl Harness {
    /// A lane whose ids are kept in a store.
    pub(crate) fn tracking(faults: Vec<Fault>) -> Self {
        let mut harness = Self::new(faults);
        harness.state = harness.state.tracking();
        harness
    }

    /// A lane whose ids other jobs take from too.
    pub(crate) fn sharing(faults: Vec<Fault>) -> Self {
        let mut harness = Self::new(faults);
        harness.state = harness.state.sharing();
        harness
    }

    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self {
            state: State::new(Limits { max_bytes: MAX_BYTES }),
            sink: Sink::default(),
            reading: BTreeMap::new(),
            version: 0,
            acknowledged: 0,
            lost: false,
            chunk: None,
            taken: false,
            others: 0,
            faults: faults.into(),
            trace: Vec::new(),
            finished: false,
            store: Store::default(),
        }
    }

    /// From here nothing fails any more.
    pub(crate) fn heal(&mut self) {
        self.faults.clear();
    }

    /// Membership publishes nothing while a loss is not acknowledged: it waits for the lanes.
    pub(crate) const fn may_assign(&self) -> bool {
        !self.lost || self.acknowledged >= self.version
    }

    pub(crate) fn give(&mut self, input: Input) {
        if self.finished {
            return;
        }
        let event = match input {
            Input::Assigned { lost, splits } => {
                if !self.may_assign() {
                    return;
                }
                self.version += 1;
                self.lost = lost;
                let phase = if lost { Phase::Lost } else { Phase::Owned };
                let splits = splits.into_iter().collect::<BTreeSet<_>>().into_iter().map(split).collect();
                Event::Assigned { version: AssignmentVersion(self.version), phase, splits }
            }
            Input::Rejoining => {
                if self.lost {
                    return;
                }
                self.version += 1;
                let phase = Phase::Rejoining;
                Event::Assigned { version: AssignmentVersion(self.version), phase, splits: Vec::new() }
            }
            Input::Chunk { split: index, records } => match self.chunk(index, 0, records) {
                Some(event) => event,
                None => return,
            },
            Input::Misplaced { split: index, by } => match self.chunk(index, by, 1) {
                Some(event) => event,
                None => return,
            },
            Input::Advance { split: index, by } => {
                let split = split(index);
                let Some(from) = self.next_to_read(&split) else { return };
                let (committed, _) = self.sink.position(&split);
                if self.sink.delivered(&split, from..committed.min(from + by)).next().is_some() {
                    // What was delivered is not empty when it is read again.
                    return;
                }
                self.reading.insert(split.clone(), from + by);
                self.sink.empty.extend((from..from + by).map(|o| (split.clone(), o)));
                Event::Advance { next: at(&split, from + by), split }
            }
            Input::Ended(index) => Event::Ended(split(index)),
            Input::Idle => Event::Idle,
            Input::Due => Event::Due,
            Input::ReadFailed(disposition) => Event::Failed { during: During::Read, disposition },
            Input::Stop => Event::Stop,
            Input::OthersHold(times) => {
                self.others = times;
                return;
            }
            Input::StoreLoses(back) => return self.start_again(back),
        };
        self.apply(event);
    }

    pub(crate) fn give_all(&mut self, inputs: Vec<Input>) {
        inputs.into_iter().for_each(|input| self.give(input));
    }

    /// From here nothing fails any more, and a lane with ids gets all splits and what it has to rebuild.
    pub(crate) fn come_to_rest(&mut self) {
        self.heal();
        self.give(Input::OthersHold(0));
        self.give(Input::Due);
        self.give(Input::Assigned { lost: false, splits: (0..SPLITS).collect() });
        for n in 0..300 * u64::from(SPLITS) {
            if let job::Phase::Rebuilding(_) = self.state.phase {
                let split = u8::try_from(n % u64::from(SPLITS)).unwrap_or(0);
                self.give(Input::Chunk { split, records: 3 });
            }
        }
    }

    /// Asserts that it takes a chunk of each split and commits them together.
    pub(crate) fn expect_delivery(&mut self) {
        assert_eq!(self.state.phase, job::Phase::Ready);
        let commits = self.sink.commits;
        (0..SPLITS).for_each(|split| self.give(Input::Chunk { split, records: 1 }));
        self.give(Input::Due);
        assert_eq!(self.sink.commits, commits + 1);
    }

    /// Asserts that a stop ends it, now that nothing fails any more.
    pub(crate) fn expect_end(&mut self) {
        self.heal();
        self.give(Input::Stop);
        assert!(self.finished, "{:?}", self.state);
    }

    fn start_again(&mut self, back: usize) {
        let fresh = State::new(Limits { max_bytes: MAX_BYTES });
        self.state = if self.state.shared { fresh.sharing() } else { fresh.tracking() };
        (self.version, self.acknowledged, self.lost) = (0, 0, false);
        self.sink.open = None;
        self.reading.clear();
        self.chunk = None;
        self.store.lose(back);
    }

    /// A reader only reads what it was assigned, and the driver only asks while the machine wants input.
    fn next_to_read(&self, split: &SplitId) -> Option<u64> {
        self.state.wants_input().then(|| self.reading.get(split).copied()).flatten()
    }

    fn chunk(&mut self, index: u8, misplaced: i64, records: u64) -> Option<Event> {
        let split = split(index);
        let from = self.next_to_read(&split)?.checked_add_signed(misplaced)?;
        let next = from + records;
        self.reading.insert(split.clone(), next);
        self.chunk = Some((split.clone(), from, next));
        Some(Event::Chunk {
            from: at(&split, from),
            next: at(&split, next),
            split,
            records,
            bytes: records * 10,
        })
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let before = self.state.clone();
            let (state, effects) = step(before.clone(), event.clone());
            self.state = state;
            assert_eq!(check(&self.state), Ok(()), "{before:?} -- {event:?} -> {:?}", self.state);
            if before.phase == job::Phase::Stopped {
                assert!(effects.iter().all(|e| *e == Effect::Fail), "a stopped lane acts: {effects:?}");
                assert_eq!(before, self.state);
            }
            for effect in effects {
                self.trace.push(effect.clone());
                if matches!(effect, Effect::Finish | Effect::Fail) {
                    self.finished = true;
                    assert_eq!(self.state.phase, job::Phase::Stopped);
                    return;
                }
                match self.perform(&effect) {
                    Ok(answer) => events.extend(answer),
                    Err(disposition) => {
                        events.push_back(Event::Failed { during: during(&effect), disposition });
                        break;
                    }
                }
            }
        }
        assert!(
            self.state.offer.is_none() || self.sink.open.is_none(),
            "a lane waits for ids and holds others"
        );
    }

    fn perform(&mut self, effect: &Effect) -> Result<Option<Event>, Disposition> {
        if matches!(effect, Effect::Acknowledge(_) | Effect::Pause { .. }) {
            if let Effect::Acknowledge(version) = effect {
                assert!(self.sink.open.is_none() || self.state.phase != job::Phase::Unassigned);
                self.acknowledged = version.0;
            }
            return Ok(None);
        }
        match self.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => Ok(self.act(effect)),
            Fault::Fails { disposition, applied } => {
                if applied && disposition == Disposition::Reconcile {
                    drop(self.act(effect));
                } else if disposition == Disposition::Fenced || matches!(effect, Effect::Commit(_)) {
                    // A sink that refuses rolls back by itself.
                    self.sink.open = None;
                }
                Err(disposition)
            }
        }
    }

    fn act(&mut self, effect: &Effect) -> Option<Event> {
        match effect {
            Effect::Claim { splits } => return Some(Event::Claimed(self.sink.claim(splits))),
            Effect::Assign(positions) => {
                self.reading = positions.iter().map(|(s, p)| (s.clone(), offset(p))).collect();
            }
            Effect::Revoke(splits) => {
                self.chunk = None;
                self.taken = false;
                self.reading.retain(|s, _| !splits.contains(s));
            }
            Effect::Begin => self.sink.begin(),
            Effect::Take => {
                assert!(self.chunk.is_some(), "ids are taken without a chunk");
                self.taken = self.others == 0;
                self.others = self.others.saturating_sub(1);
                return Some(if self.taken { Event::Taken } else { Event::Held });
            }
            Effect::Write => {
                assert_eq!(
                    std::mem::take(&mut self.taken),
                    self.state.shared,
                    "written before its ids are taken"
                );
                let (split, from, next) = self.chunk.take().expect("a write without a chunk");
                self.sink.write(split, from, next);
                if self.state.tracked {
                    self.store.assert_exact(&self.sink, &self.sink.claimed);
                }
            }
            Effect::Recover(claims) => {
                return Some(Event::Recovered(self.store.recover(&self.sink, claims)));
            }
            Effect::Restore { split, next } => {
                let read = self.chunk.take().map_or(0..0, |(_, from, next)| from..next);
                self.store.restore(&self.sink, split, read, offset(next));
            }
            Effect::Remember(progress) => self.store.remember(&self.sink, progress),
            Effect::Confirm => self.store.confirm(&self.sink),
            Effect::Commit(progress) => {
                self.sink.commit(progress);
                return Some(Event::Committed);
            }
            Effect::Abort => self.sink.open = None,
            Effect::Reset => {
                self.sink.open = None;
                return Some(Event::ResetDone);
            }
            Effect::Acknowledge(_) | Effect::Pause { .. } | Effect::Finish | Effect::Fail => {}
        }
        None
    }
}

fn during(effect: &Effect) -> During {
    match effect {
        Effect::Assign(_) => During::Assign,
        Effect::Revoke(_) => During::Revoke,
        Effect::Claim { .. } => During::Claim,
        Effect::Recover(_) => During::Recover,
        Effect::Restore { .. } => During::Restore,
        Effect::Remember(_) => During::Remember,
        Effect::Confirm => During::Confirm,
        Effect::Take => During::Take,
        Effect::Begin => During::Begin,
        Effect::Write => During::Write,
        Effect::Commit(_) => During::Commit,
        Effect::Abort => During::Abort,
        Effect::Reset => During::Reset,
        Effect::Acknowledge(_) | Effect::Pause { .. } | Effect::Finish | Effect::Fail => During::Read,
    }
}

impl Sink {
    pub(crate) fn position(&self, split: &SplitId) -> (u64, BatchId) {
        self.committed.get(split).copied().unwrap_or_default()
    }

    /// Records of a split in a range of positions: all but those that hold nothing to deliver.
    pub(crate) fn delivered<'a>(
        &'a self,
        split: &'a SplitId,
        range: std::ops::Range<u64>,
    ) -> impl Iterator<Item = (SplitId, u64)> + 'a {
        range.map(|o| (split.clone(), o)).filter(|one| !self.empty.contains(one))
    }

    fn claim(&mut self, splits: &[SplitId]) -> Vec<Claim> {
        self.open = None;
        self.claimed = splits.iter().cloned().collect();
        splits
            .iter()
            .map(|s| {
                let (position, batch) = self.position(s);
                Claim { split: s.clone(), position: at(s, position), batch }
            })
            .collect()
    }

    fn begin(&mut self) {
        assert!(self.open.is_none(), "two transactions at once");
        self.open = Some(OpenTransaction::default());
    }

    fn write(&mut self, split: SplitId, from: u64, next: u64) {
        assert!(self.claimed.contains(&split), "{split} is written without a claim");
        let (committed, _) = self.position(&split);
        let open = self.open.as_mut().expect("a write outside a transaction");
        let end = open.written.get(&split).copied().unwrap_or(committed);
        assert!(from >= end, "{split}@{from} is written again");
        let hole = (end..from).find(|o| !self.empty.contains(&(split.clone(), *o)));
        assert_eq!(hole, None, "{split}: a hole in front of {from}");
        open.written.insert(split, next);
    }

    fn commit(&mut self, progress: &[Progress]) {
        let open = self.open.take().expect("a commit outside a transaction");
        for (split, end) in &open.written {
            let own = progress.iter().find(|p| p.split == *split).expect("data without progress");
            assert!(offset(&own.next) >= *end, "progress in front of its data");
        }
        for p in progress {
            let (committed, batch) = self.position(&p.split);
            assert!(self.claimed.contains(&p.split), "progress of {} without a claim", p.split);
            assert_eq!(p.batch, batch.next(), "{}: delivery numbers are dense", p.split);
            assert!(offset(&p.next) >= committed, "{}: the position goes back", p.split);
            let written = open.written.get(&p.split).copied().unwrap_or(committed);
            let hole = (written..offset(&p.next)).find(|o| !self.empty.contains(&(p.split.clone(), *o)));
            assert_eq!(hole, None, "{}: progress past what was delivered", p.split);
            self.committed.insert(p.split.clone(), (offset(&p.next), p.batch));
        }
        self.commits += 1;
    }
}
