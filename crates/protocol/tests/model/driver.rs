//! What `processor/driver.rs` and `connector-kafka/sink/lane.rs` do around the machines, one request at a time.

use velostream_core::{BatchId, Disposition};
use velostream_protocol::job::{self, During, Effect, Event};
use velostream_protocol::kafka_lane::{self, Failure, Identity, Kind, Phase};

use super::coordinator::{Answer, Part};
use super::log::Entry;
use super::network::{Body, Message};
use super::rules::{Rules, Wrong};
use super::worker::{Operation, Stage, member, offset, token};
use super::world::World;

/// A world and the rules of its run.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) rules: &'a Rules,
}

impl Run<'_> {
    /// Steps the job machine and runs what follows, until it has to wait.
    pub(crate) fn apply(&mut self, w: u8, event: Event) {
        let worker = self.world.worker(w);
        let (job, effects) = job::step(worker.job.clone(), event);
        worker.job = job;
        worker.todo.0.extend(effects);
        if job::check(&worker.job).is_err() {
            self.world.misuse = true;
        }
        self.go_on(w);
    }

    fn go_on(&mut self, w: u8) {
        while self.world.worker(w).operation == Operation::Idle {
            let Some(effect) = self.world.worker(w).todo.0.pop_front() else { return };
            match effect {
                Effect::Acknowledge(version) => self.world.worker(w).acknowledged = version.0,
                Effect::Assign(_) | Effect::Revoke(_) | Effect::Pause { .. } => {}
                Effect::Begin => self.begin(w),
                Effect::Write => self.write(w),
                Effect::Claim { .. } => self.claim(w),
                Effect::Commit(progress) => self.commit(w, &progress[0]),
                Effect::Abort => {
                    self.world.worker(w).operation = Operation::Abort;
                    self.abort(w);
                }
                Effect::Reset => {
                    self.world.worker(w).operation = Operation::Reset;
                    self.new_identity(w);
                }
                Effect::Finish => self.finish(w),
                // The model's reader leaves no gap, nobody rejects anything, and positions are the ids.
                Effect::Recover(_)
                | Effect::Restore { .. }
                | Effect::Take
                | Effect::Remember(_)
                | Effect::Confirm
                | Effect::Fail => self.world.misuse = true,
            }
        }
    }

    /// The call in hand failed: what follows it is dropped.
    pub(crate) fn fail(&mut self, w: u8, during: During, disposition: Disposition) {
        let worker = self.world.worker(w);
        worker.todo.0.clear();
        worker.operation = Operation::Idle;
        worker.broken = false;
        worker.early = None;
        self.apply(w, Event::Failed { during, disposition });
    }

    pub(crate) fn lane(&mut self, w: u8, event: kafka_lane::Event) -> Option<kafka_lane::Effect> {
        let worker = self.world.worker(w);
        match kafka_lane::step(worker.lane.clone(), event) {
            Ok((lane, effects)) => {
                worker.lane = lane;
                effects.into_iter().next()
            }
            Err(_) => {
                self.world.misuse = true;
                None
            }
        }
    }

    /// An indefinite result: connections closed, then the driver hears of it.
    pub(crate) fn doubt(&mut self, w: u8) {
        let during = match self.world.worker(w).operation {
            Operation::Idle | Operation::Resume => During::Write,
            Operation::Claim(_) => During::Claim,
            Operation::Commit { .. } | Operation::Store { .. } => During::Commit,
            Operation::Abort => During::Abort,
            Operation::Reset => During::Reset,
        };
        let expired = self.expired(w);
        self.lane(w, kafka_lane::Event::Failed(Failure::Indefinite));
        self.world.network.cut(w);
        if expired && self.rules.breaks(Wrong::ResumeAfterExpiry) {
            let worker = self.world.worker(w);
            worker.todo.0.clear();
            worker.broken = false;
            worker.job.phase = job::Phase::Ready;
            worker.operation = Operation::Resume;
            return self.new_identity(w);
        }
        self.fail(w, during, Disposition::Reconcile);
    }

    /// The coordinator has forgotten the lane's producer id while the lane was writing.
    fn expired(&mut self, w: u8) -> bool {
        let identity = self.world.worker(w).lane.identity();
        let writing =
            matches!(self.world.worker(w).job.phase, job::Phase::Open(_) | job::Phase::Committing(_));
        writing && identity.is_some_and(|i| !self.world.transactions[usize::from(w)].knows(i.id))
    }

    pub(crate) fn new_identity(&mut self, w: u8) {
        self.world.network.cut(w);
        let ready = matches!(self.world.worker(w).lane.phase, Phase::Fresh | Phase::Doubt | Phase::Ready(_));
        if !ready {
            self.lane(w, kafka_lane::Event::Failed(Failure::Indefinite));
        }
        self.world.network.send(Message { lane: w, stray: false, body: Body::Init });
    }

    pub(crate) fn initialized(&mut self, w: u8, identity: Identity) {
        self.lane(w, kafka_lane::Event::Initialized(identity));
        let worker = self.world.worker(w);
        worker.sequences = [0, 0];
        worker.broken = false;
        match worker.operation {
            Operation::Claim(_) => worker.operation = Operation::Claim(Stage::Confirm),
            Operation::Reset => {
                worker.operation = Operation::Idle;
                self.apply(w, Event::ResetDone);
            }
            _ => worker.operation = Operation::Idle,
        }
    }

    fn claim(&mut self, w: u8) {
        let ready = matches!(self.world.worker(w).lane.phase, Phase::Ready(_));
        let stage = if ready { Stage::Confirm } else { Stage::Identity };
        self.world.worker(w).operation = Operation::Claim(stage);
        if !ready {
            self.new_identity(w);
        }
    }

    fn begin(&mut self, w: u8) {
        if self.without_transactions() {
            return;
        }
        let member = member(self.world.worker(w).token);
        self.lane(w, kafka_lane::Event::Begin { member, owned: [0].into() });
    }

    fn without_transactions(&self) -> bool {
        self.rules.breaks(Wrong::SendThenMark) || self.rules.breaks(Wrong::MarkBeforeSend)
    }

    fn write(&mut self, w: u8) {
        let worker = self.world.worker(w);
        if worker.broken {
            return self.doubt(w);
        }
        let offset = worker.chunk.take().expect("a chunk in hand");
        let batch = worker.job.owned.values().next().map_or(0, |o| o.batch.0);
        let batch = u8::try_from(batch).expect("few batches") + 1;
        if self.rules.breaks(Wrong::SendThenMark) {
            self.world.data.append_plain(Entry::Data { offset });
        } else if self.rules.breaks(Wrong::MarkBeforeSend) {
            let mark = Entry::Progress { lane: w, next: offset + 1, batch, released: false };
            self.world.journal.append_plain(mark);
            self.world.worker(w).chunk = Some(offset);
        } else {
            self.send(w, Kind::Data, Entry::Data { offset });
        }
    }

    /// One batch of the transaction. V1 adds the partition by hand before it.
    fn send(&mut self, w: u8, kind: Kind, entry: Entry) -> bool {
        let (part, log) = if kind == Kind::Data { (Part::Data, 0) } else { (Part::Journal, 1) };
        if !self.rules.is_v2() && !self.add_by_hand(w, part) {
            return false;
        }
        let effect = self.lane(w, kafka_lane::Event::Send { split: 0, kind });
        let Some(kafka_lane::Effect::Produce(identity)) = effect else { return false };
        let sequence = self.world.worker(w).sequences[log];
        self.world.worker(w).sequences[log] += 1;
        let body = Body::Produce { part, identity, sequence, entry };
        self.world.network.send(Message { lane: w, stray: false, body });
        true
    }

    fn add_by_hand(&mut self, w: u8, part: Part) -> bool {
        let Some(identity) = self.world.worker(w).lane.identity() else { return false };
        let added = matches!(self.world.transactions[usize::from(w)].add(identity, part), Answer::Done(_));
        if !added {
            self.doubt(w);
        }
        added
    }

    fn commit(&mut self, w: u8, progress: &velostream_core::Progress) {
        let worker = self.world.worker(w);
        let next = offset(&progress.next);
        let batch = u8::try_from(progress.batch.0).expect("few batches");
        worker.operation = Operation::Commit { next, refused: false };
        if worker.broken {
            return self.doubt(w);
        }
        let entry = Entry::Progress { lane: w, next, batch, released: progress.released };
        if self.rules.breaks(Wrong::SendThenMark) {
            self.world.journal.append_plain(entry);
            return self.committed(w);
        }
        if self.rules.breaks(Wrong::MarkBeforeSend) {
            let offset = self.world.worker(w).chunk.take().expect("data in hand");
            self.world.data.append_plain(Entry::Data { offset });
            return self.committed(w);
        }
        if self.rules.breaks(Wrong::PositionInStore) {
            self.lane(w, kafka_lane::Event::Send { split: 0, kind: Kind::Progress });
            self.lane(w, kafka_lane::Event::Acknowledged);
        } else if !self.send(w, Kind::Progress, entry) {
            return;
        }
        if self.rules.breaks(Wrong::FenceBeforeAcknowledgement) {
            self.world.worker(w).early = Some(false);
            self.store_offsets(w);
        }
        let effect = self.lane(w, kafka_lane::Event::Commit);
        self.drained(w, effect);
    }

    /// Every batch is acknowledged: the fence.
    fn drained(&mut self, w: u8, effect: Option<kafka_lane::Effect>) {
        if !matches!(effect, Some(kafka_lane::Effect::StoreOffsets(..))) {
            return;
        }
        match self.world.worker(w).early {
            Some(true) => self.stored(w),
            Some(false) => {}
            None if self.rules.breaks(Wrong::NoFence) => self.stored(w),
            None => self.store_offsets(w),
        }
    }

    fn store_offsets(&mut self, w: u8) {
        let worker = self.world.worker(w);
        let Operation::Commit { next, .. } = worker.operation else { return };
        let (Phase::Open(open) | Phase::Storing(open)) = &worker.lane.phase else { return };
        let (identity, captured) = (open.identity, token(&open.member));
        let newest = worker.published.token;
        let token = if self.rules.breaks(Wrong::AnonymousCommit) {
            None
        } else if self.rules.breaks(Wrong::RefreshedMembership) && newest.is_some() {
            newest
        } else {
            captured
        };
        if !self.rules.is_v2() && !self.add_by_hand(w, Part::Group) {
            return;
        }
        let body = Body::Offsets { identity, token, offset: next };
        self.world.network.send(Message { lane: w, stray: false, body });
    }

    pub(crate) fn acknowledged(&mut self, w: u8) {
        let effect = self.lane(w, kafka_lane::Event::Acknowledged);
        match self.world.worker(w).operation {
            Operation::Abort => self.abort(w),
            _ => self.drained(w, effect),
        }
    }

    pub(crate) fn stored(&mut self, w: u8) {
        if matches!(self.world.worker(w).lane.phase, Phase::Open(_)) {
            self.world.worker(w).early = Some(true);
            return;
        }
        self.world.worker(w).early = None;
        let effect = self.lane(w, kafka_lane::Event::Stored);
        self.end(w, effect);
    }

    pub(crate) fn refused(&mut self, w: u8) {
        if let Operation::Commit { refused, .. } = &mut self.world.worker(w).operation {
            *refused = true;
        }
        if matches!(self.world.worker(w).lane.phase, Phase::Open(_)) {
            // Only where the fence was asked too early.
            return self.doubt(w);
        }
        let effect = self.lane(w, kafka_lane::Event::Failed(Failure::StaleMembership));
        self.end(w, effect);
    }

    fn end(&mut self, w: u8, effect: Option<kafka_lane::Effect>) {
        if let Some(kafka_lane::Effect::End { identity, commit }) = effect {
            self.world.network.send(Message { lane: w, stray: false, body: Body::End { identity, commit } });
        }
    }

    pub(crate) fn ended(&mut self, w: u8, next: Identity) {
        let before = self.world.worker(w).lane.identity();
        let next = self.rules.is_v2().then_some(next);
        self.lane(w, kafka_lane::Event::Ended { next });
        if next.is_some() && next != before {
            self.world.worker(w).sequences = [0, 0];
        }
        match self.world.worker(w).operation {
            Operation::Commit { refused: true, .. } => self.fail(w, During::Commit, Disposition::Fenced),
            Operation::Commit { next, .. } if self.rules.breaks(Wrong::PositionInStore) => {
                let worker = self.world.worker(w);
                let batch = worker.job.owned.values().next().map_or(BatchId(0), |o| o.batch).next();
                let batch = u8::try_from(batch.0).expect("few batches");
                worker.operation = Operation::Store { next, batch };
            }
            Operation::Abort => {
                self.world.worker(w).operation = Operation::Idle;
                self.go_on(w);
            }
            _ => self.committed(w),
        }
    }

    pub(crate) fn committed(&mut self, w: u8) {
        self.world.worker(w).operation = Operation::Idle;
        self.apply(w, Event::Committed);
    }

    /// Drains, then rolls back.
    fn abort(&mut self, w: u8) {
        if self.world.worker(w).broken {
            return self.doubt(w);
        }
        let phase = &self.world.worker(w).lane.phase;
        if matches!(phase, Phase::Open(open) if open.unacknowledged > 0) {
            return;
        }
        match self.lane(w, kafka_lane::Event::Abort) {
            Some(effect) => self.end(w, Some(effect)),
            None => self.world.worker(w).operation = Operation::Idle,
        }
    }

    /// The lane is done: the worker says farewell.
    fn finish(&mut self, w: u8) {
        let member = self.world.worker(w).member.take();
        self.world.worker(w).stopped = true;
        self.world.network.cut(w);
        if member.is_some() && self.world.group.members[usize::from(w)] == member {
            self.world.group.remove(w);
        }
    }
}
