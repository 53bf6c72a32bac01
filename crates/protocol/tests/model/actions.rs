//! Everything that may happen next.

use velostream_protocol::job;
use velostream_protocol::kafka_lane::Phase;

use super::claim::Found;
use super::coordinator::{PARTS, Part};
use super::driver::Run;
use super::network::{Body, Message};
use super::rules::Wrong;
use super::worker::{Operation, Stage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The source grows by a record.
    Grow,
    /// A worker that is no member joins; an owner keeps the split.
    Join(u8),
    /// Membership hears of its new assignment.
    Publish(u8),
    /// Membership hears that it is a member no more.
    Lose(u8),
    /// The driver takes the published value.
    Observe(u8),
    /// The driver reads a chunk.
    Read(u8),
    /// The transaction is old enough.
    Due(u8),
    Confirm(u8),
    AppendClaim(u8),
    Fence {
        worker: u8,
        claim: u8,
        late: bool,
    },
    Claimed {
        worker: u8,
        found: Found,
    },
    /// The position is stored behind the transaction (a wrong model).
    Store(u8),
    /// A request arrives; `copy`: it will arrive once more.
    Arrive {
        at: usize,
        copy: bool,
    },
    /// The client has waited long enough.
    GiveUp(u8),
    /// The coordinator writes a marker.
    Mark {
        lane: u8,
        part: Part,
    },
    Crash(u8),
    /// The session of a member ends.
    Expel(u8),
    /// A rebalance gives the split to the other member.
    Shuffle,
    /// The split leaves this lane for the other one of the same worker.
    Move(u8),
    /// A transaction times out.
    TimeOut {
        lane: u8,
        abandoned: bool,
    },
    Expire(u8),
    Stop(u8),
}

impl Run<'_> {
    pub(crate) fn actions(&self, actions: &mut Vec<Action>) {
        if self.world.misuse {
            return;
        }
        let budget = &self.world.budget;
        if self.world.source_end < self.rules.records {
            actions.push(Action::Grow);
        }
        for w in [0, 1] {
            self.worker_actions(w, actions);
            self.membership_actions(w, actions);
            self.coordinator_actions(w, actions);
        }
        for (at, message) in self.world.network.messages().iter().enumerate() {
            if !self.world.network.may_arrive(at) || self.comes_again(message) {
                continue;
            }
            actions.push(Action::Arrive { at, copy: false });
            if budget.copies > 0 && message.body != Body::Init {
                actions.push(Action::Arrive { at, copy: true });
            }
        }
        let both = self.world.group.members.iter().all(Option::is_some);
        if both && !self.rules.one_worker && budget.shuffles > 0 {
            actions.push(Action::Shuffle);
        }
        if self.rules.one_worker {
            actions.extend(self.may_leave().map(Action::Move));
        }
    }

    fn worker_actions(&self, w: u8, actions: &mut Vec<Action>) {
        let worker = &self.world.workers[usize::from(w)];
        if worker.stopped {
            return;
        }
        match worker.operation {
            Operation::Idle => {
                if worker.published.version > worker.job.version.0 || self.has_news(w) {
                    actions.push(Action::Observe(w));
                }
                // On V1 the partitions are added by hand, which waits for the markers of the last transaction.
                let waits = !self.rules.is_v2() && self.world.transactions[usize::from(w)].is_preparing();
                if !waits && worker.next_to_read().is_some_and(|next| next < self.world.source_end) {
                    actions.push(Action::Read(w));
                }
                if matches!(worker.job.phase, job::Phase::Open(_)) {
                    actions.push(Action::Due(w));
                }
                if self.world.budget.stops > 0 {
                    actions.push(Action::Stop(w));
                }
            }
            Operation::Claim(Stage::Confirm) => actions.push(Action::Confirm(w)),
            Operation::Claim(Stage::Append) => actions.push(Action::AppendClaim(w)),
            Operation::Claim(Stage::Fence { claim }) => {
                actions.push(Action::Fence { worker: w, claim, late: false });
                if self.world.budget.late_fences > 0 && !self.to_fence(w, claim).is_empty() {
                    actions.push(Action::Fence { worker: w, claim, late: true });
                }
            }
            Operation::Claim(Stage::Read { claim }) => {
                let findings = self.findings(w, claim.into());
                actions.extend(findings.into_iter().map(|found| Action::Claimed { worker: w, found }));
            }
            Operation::Store { .. } => actions.push(Action::Store(w)),
            Operation::Claim(Stage::Identity)
            | Operation::Commit { .. }
            | Operation::Abort
            | Operation::Reset
            | Operation::Resume => {}
        }
        if self.world.budget.losses > 0 && self.world.network.awaits(w) {
            actions.push(Action::GiveUp(w));
        }
        // Whoever holds nothing and has nothing under way loses nothing by a kill.
        let at_work = worker.operation != Operation::Idle || !worker.job.owned.is_empty();
        if self.world.budget.crashes > 0 && at_work {
            actions.push(Action::Crash(w));
        }
    }

    fn membership_actions(&self, w: u8, actions: &mut Vec<Action>) {
        let worker = &self.world.workers[usize::from(w)];
        let group = &self.world.group;
        let registered = group.members[usize::from(w)];
        if registered.is_some() && !self.rules.one_worker {
            let live = worker.member == registered && !worker.stopped;
            if !live || self.world.budget.zombies > 0 {
                actions.push(Action::Expel(w));
            }
        }
        if worker.stopped {
            return;
        }
        match worker.member {
            Some(_) if worker.member == registered => {
                // While the driver waits for the next fact, publishing and taking it are one step.
                if worker.known < group.version && !worker.observes() {
                    actions.push(Action::Publish(w));
                }
            }
            Some(_) => actions.push(Action::Lose(w)),
            None => {
                let dropped = worker.acknowledged >= worker.published.version;
                let allowed = group.owner.is_none() || self.world.budget.joins > 0;
                if allowed && (dropped || self.rules.breaks(Wrong::RejoinBeforeDrop)) {
                    actions.push(Action::Join(w));
                }
            }
        }
    }

    fn coordinator_actions(&self, lane: u8, actions: &mut Vec<Action>) {
        let transactions = &self.world.transactions[usize::from(lane)];
        for part in PARTS {
            if transactions.clone().take_marker(part).is_some() {
                actions.push(Action::Mark { lane, part });
            }
        }
        if transactions.is_ongoing() {
            let worker = &self.world.workers[usize::from(lane)];
            let abandoned =
                !matches!(worker.lane.phase, Phase::Open(_) | Phase::Storing(_) | Phase::Ending { .. });
            if abandoned || self.world.budget.timeouts > 0 {
                actions.push(Action::TimeOut { lane, abandoned });
            }
        }
        if self.world.budget.expiries > 0 && transactions.clone().expire() {
            actions.push(Action::Expire(lane));
        }
    }

    /// The broker would answer "come again" now: the client tries until it is heard.
    fn comes_again(&self, message: &Message) -> bool {
        let transactions = &self.world.transactions[usize::from(message.lane)];
        let waits = match message.body {
            Body::Init | Body::End { .. } => true,
            Body::Produce { part, identity, .. } => self.rules.is_v2() && !self.log(part).has_open(identity),
            Body::Offsets { .. } => self.rules.is_v2(),
        };
        // A fenced producer is refused, not asked to wait.
        let current = match message.body {
            Body::Init => true,
            Body::Produce { identity, .. } | Body::Offsets { identity, .. } | Body::End { identity, .. } => {
                transactions.is_current(identity)
            }
        };
        !message.stray && waits && current && transactions.is_preparing()
    }

    /// The group has an assignment for this member that its membership has not heard of.
    pub(super) fn has_news(&self, w: u8) -> bool {
        let worker = &self.world.workers[usize::from(w)];
        worker.member.is_some()
            && worker.member == self.world.group.members[usize::from(w)]
            && worker.known < self.world.group.version
    }

    /// The lane that a split may leave now.
    fn may_leave(&self) -> Option<u8> {
        if let Some(owner) = self.world.group.owner {
            return (self.world.budget.moves > 0).then_some(owner);
        }
        // Only one of two lanes has ever owned the split before its first move.
        let worker = &self.world.workers[0];
        let dropped = worker.known == self.world.group.version
            && worker.acknowledged == worker.published.version
            && worker.observes();
        (dropped && !self.world.transactions[0].is_preparing()).then_some(0)
    }

    pub(super) fn log(&self, part: Part) -> &super::log::Log {
        if part == Part::Data { &self.world.data } else { &self.world.journal }
    }
}
