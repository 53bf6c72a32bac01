//! What each action does.

use velostream_core::{AssignmentVersion, Phase as Membership};
use velostream_protocol::job::Event;
use velostream_protocol::kafka_lane::{Identity, Phase};

use super::actions::Action;
use super::coordinator::{Answer, Part};
use super::driver::Run;
use super::group::Fence;
use super::log::{Entry, Produced};
use super::network::{Body, Message};
use super::rules::Wrong;
use super::worker::{Operation, Worker, position, split};

impl Run<'_> {
    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::Grow => self.world.source_end += 1,
            Action::Join(w) => {
                self.world.budget.joins -= u8::from(self.world.group.owner.is_some());
                let id = self.world.group.join(w);
                self.world.worker(w).member = Some(id);
            }
            Action::Publish(w) => self.publish(w),
            Action::Lose(w) => self.lose(w),
            Action::Observe(w) => self.observe(w),
            Action::Read(w) => self.read_chunk(w),
            Action::Due(w) => self.apply(w, Event::Due),
            Action::Confirm(w) => self.confirm(w),
            Action::AppendClaim(w) => self.append_claim(w),
            Action::Fence { worker, claim, late } => {
                self.world.budget.late_fences -= u8::from(late);
                self.fence(worker, claim, late);
            }
            Action::Claimed { worker, found } => self.claimed(worker, found),
            Action::Store(w) => {
                if let Operation::Store { next, batch } = self.world.worker(w).operation {
                    let mark = Entry::Progress { lane: w, next, batch, released: false };
                    self.world.journal.append_plain(mark);
                }
                self.committed(w);
            }
            Action::Arrive { at, copy } => self.arrive(at, copy),
            Action::GiveUp(w) => {
                self.world.budget.losses -= 1;
                self.give_up(w);
            }
            Action::Mark { lane, part } => self.mark(lane, part),
            Action::Crash(w) => {
                self.world.budget.crashes -= 1;
                self.world.network.cut(w);
                let limits = self.world.worker(w).job.limits;
                *self.world.worker(w) = Worker::new(self.rules.version, limits.max_bytes);
            }
            Action::Expel(w) => {
                let registered = self.world.group.members[usize::from(w)];
                let live = self.world.worker(w).member == registered;
                if live && !self.world.worker(w).stopped {
                    self.world.budget.zombies -= 1;
                }
                self.world.group.remove(w);
            }
            Action::Shuffle => {
                self.world.budget.shuffles -= 1;
                self.world.group.shuffle();
            }
            Action::Move(from) => self.hand_over(from),
            Action::TimeOut { lane, abandoned } => {
                self.world.budget.timeouts -= u8::from(!abandoned);
                self.world.transactions[usize::from(lane)].fence();
            }
            Action::Expire(lane) => {
                self.world.budget.expiries -= 1;
                self.world.transactions[usize::from(lane)].expire();
            }
            Action::Stop(w) => {
                self.world.budget.stops -= 1;
                self.apply(w, Event::Stop);
            }
        }
    }

    fn publish(&mut self, w: u8) {
        let (version, generation) = (self.world.group.version, self.world.group.generation);
        let owns = self.world.group.owner == Some(w);
        let worker = self.world.worker(w);
        worker.known = version;
        let token = worker.member.map(|m| (m, generation));
        worker.publish(false, owns, token);
    }

    fn lose(&mut self, w: u8) {
        let worker = self.world.worker(w);
        worker.member = None;
        if !worker.published.lost && !self.rules.breaks(Wrong::RejoinBeforeDrop) {
            worker.publish(true, false, None);
        }
    }

    fn observe(&mut self, w: u8) {
        if self.has_news(w) {
            self.publish(w);
        }
        let worker = self.world.worker(w);
        let published = worker.published;
        let kept = published.owns && !worker.job.owned.is_empty();
        worker.token = published.token;
        if kept && self.rules.breaks(Wrong::ClaimOnlyWhatIsNew) {
            worker.job.version = AssignmentVersion(published.version);
            return;
        }
        let phase = if published.lost { Membership::Lost } else { Membership::Owned };
        let splits = if published.owns { vec![split()] } else { Vec::new() };
        self.apply(w, Event::Assigned { version: AssignmentVersion(published.version), phase, splits });
    }

    fn read_chunk(&mut self, w: u8) {
        let worker = self.world.worker(w);
        let Some(next) = worker.next_to_read() else { return };
        worker.chunk = Some(next);
        let (from, next) = (position(next), position(next + 1));
        self.apply(w, Event::Chunk { split: split(), from, next, records: 1, bytes: 1 });
    }

    fn give_up(&mut self, w: u8) {
        let ending = match self.world.worker(w).lane.phase {
            Phase::Ending { identity, commit } => Some(Body::End { identity, commit }),
            _ => None,
        };
        if let Some(body) = ending.filter(|_| self.rules.breaks(Wrong::SameEpochAfterDoubt)) {
            self.world.network.cut(w);
            self.world.network.send(Message { lane: w, stray: false, body });
        } else if self.world.worker(w).operation == Operation::Idle {
            // The driver hears of it with its next call.
            self.world.network.cut(w);
            self.world.worker(w).broken = true;
        } else {
            self.doubt(w);
        }
    }

    fn mark(&mut self, lane: u8, part: Part) {
        let Some((identity, commit)) = self.world.transactions[usize::from(lane)].take_marker(part) else {
            return;
        };
        match part {
            Part::Data => self.world.data.mark(identity, commit),
            Part::Journal => self.world.journal.mark(identity, commit),
            Part::Group => self.world.group.mark(identity, commit),
        }
    }

    /// R14: the old lane drops the split and says so, then its transactional id is initialized, then the new lane
    /// hears of it.
    fn hand_over(&mut self, from: u8) {
        if self.world.group.owner.is_some() {
            self.world.budget.moves -= 1;
        }
        let dropped = self.world.group.owner.is_none() || self.rules.breaks(Wrong::MoveWithoutDrop);
        if self.rules.breaks(Wrong::MoveWithoutInit) {
            self.world.group.hand_to(Some(1 - from));
        } else if !dropped {
            self.world.group.hand_to(None);
        } else if matches!(self.world.transactions[usize::from(from)].init(), Answer::Done(_)) {
            self.world.group.hand_to(Some(1 - from));
        }
    }

    fn arrive(&mut self, at: usize, copy: bool) {
        let message = self.world.network.take(at);
        if copy {
            self.world.budget.copies -= 1;
            self.world.network.send(Message { stray: true, ..message });
        }
        let (lane, heard) = (message.lane, !message.stray);
        match message.body {
            Body::Produce { part, identity, sequence, entry } => {
                let stored = self.produced(lane, part, identity, sequence, entry);
                match stored {
                    _ if !heard => {}
                    Produced::Stored => self.acknowledged(lane),
                    Produced::Refused if self.world.worker(lane).operation == Operation::Idle => {
                        self.world.network.cut(lane);
                        self.world.worker(lane).broken = true;
                    }
                    Produced::Refused => self.doubt(lane),
                }
            }
            Body::Offsets { identity, token, offset } => {
                let added = !self.rules.is_v2()
                    || matches!(
                        self.world.transactions[usize::from(lane)].add(identity, Part::Group),
                        Answer::Done(_)
                    );
                let fence =
                    if added { self.world.group.store(identity, token, offset) } else { Fence::Refused };
                match fence {
                    _ if !heard => {}
                    Fence::Accepted => self.stored(lane),
                    Fence::StaleMembership => self.refused(lane),
                    Fence::Refused => self.doubt(lane),
                }
            }
            Body::End { identity, commit } => {
                let v2 = self.rules.is_v2();
                match self.world.transactions[usize::from(lane)].end(identity, commit, v2) {
                    _ if !heard => {}
                    Answer::Done(next) => self.ended(lane, next),
                    Answer::ComeAgain | Answer::Refused => self.doubt(lane),
                }
            }
            Body::Init => match self.world.transactions[usize::from(lane)].init() {
                _ if !heard => {}
                Answer::Done(identity) => self.initialized(lane, identity),
                Answer::ComeAgain | Answer::Refused => self.world.network.send(message),
            },
        }
    }

    /// V2 asks the coordinator for the first batch of a transaction in a partition; V1 asks nobody, as brokers before
    /// 3.6 did.
    fn produced(&mut self, lane: u8, part: Part, identity: Identity, sequence: u8, entry: Entry) -> Produced {
        let verify = self.rules.is_v2() && !self.log(part).has_open(identity);
        if verify
            && !matches!(self.world.transactions[usize::from(lane)].add(identity, part), Answer::Done(_))
        {
            return Produced::Refused;
        }
        let log = if part == Part::Data { &mut self.world.data } else { &mut self.world.journal };
        log.produce(identity, sequence, entry)
    }
}
