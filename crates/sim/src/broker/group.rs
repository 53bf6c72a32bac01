//! The group coordinator's members and generations (classic protocol; join and sync are one request here).

use std::collections::{BTreeMap, BTreeSet};

use velostream_protocol::kafka_lane::Member;

use super::request::{Answer, Code};

#[derive(Debug, Clone)]
struct Membership {
    worker: usize,
    holds: BTreeSet<u32>,
    last_seen: u64,
    /// The call that waits for the next generation.
    joining: Option<u64>,
    /// A timer of its session runs.
    timed: bool,
}

/// A member of the group, as timers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The session of this member may have ended.
    Session(String),
    /// Members that have not joined again by now are removed.
    Rebalance(u64),
}

#[derive(Debug)]
pub(crate) struct Group {
    splits: u32,
    session_ms: u64,
    rebalance_ms: u64,
    generation: i32,
    members: BTreeMap<String, Membership>,
    /// Number of the rebalance under way.
    preparing: Option<u64>,
    rebalances: u64,
    given: u64,
}

/// What follows from a change of the group.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) timers: Vec<(u64, Timer)>,
    pub(crate) answers: Vec<(u64, Answer)>,
}

impl Group {
    pub(crate) const fn new(splits: u32, session_ms: u64, rebalance_ms: u64) -> Self {
        Self {
            splits,
            session_ms,
            rebalance_ms,
            generation: 0,
            members: BTreeMap::new(),
            preparing: None,
            rebalances: 0,
            given: 0,
        }
    }

    /// JoinGroup; the answer comes with the next generation.
    pub(crate) fn join(
        &mut self,
        now: u64,
        call: u64,
        worker: usize,
        member_id: &str,
        holds: BTreeSet<u32>,
    ) -> (Option<Answer>, Change) {
        let mut change = Change::default();
        let id = if member_id.is_empty() {
            self.given += 1;
            format!("m{}-w{worker}", self.given)
        } else if self.members.contains_key(member_id) {
            member_id.to_owned()
        } else {
            return (Some(Answer::Error(Code::UnknownMember)), change);
        };
        let timed = self.members.get(&id).is_some_and(|m| m.timed);
        self.members.insert(id, Membership { worker, holds, last_seen: now, joining: Some(call), timed });
        self.prepare(now, &mut change);
        self.complete_if_all(now, &mut change);
        (None, change)
    }

    fn prepare(&mut self, now: u64, change: &mut Change) {
        if self.preparing.is_none() && !self.members.is_empty() {
            self.rebalances += 1;
            self.preparing = Some(self.rebalances);
            change.timers.push((now + self.rebalance_ms, Timer::Rebalance(self.rebalances)));
        }
    }

    fn complete_if_all(&mut self, now: u64, change: &mut Change) {
        if self.preparing.is_some() && self.members.values().all(|m| m.joining.is_some()) {
            self.complete(now, change);
        }
    }

    fn complete(&mut self, now: u64, change: &mut Change) {
        self.preparing = None;
        self.generation += 1;
        let shares = self.shares();
        for (id, membership) in &mut self.members {
            membership.last_seen = now;
            let splits = shares.get(id).cloned().unwrap_or_default();
            membership.holds.clone_from(&splits);
            let member = Member { member_id: id.clone(), generation: self.generation };
            if let Some(call) = membership.joining.take() {
                change.answers.push((call, Answer::Joined { member, splits }));
            }
            if !std::mem::replace(&mut membership.timed, true) {
                change.timers.push((now + self.session_ms, Timer::Session(id.clone())));
            }
        }
    }

    /// Balanced and sticky, as the job's own assignor decides.
    fn shares(&self) -> BTreeMap<String, BTreeSet<u32>> {
        let count = self.members.len().max(1);
        let splits = usize::try_from(self.splits).unwrap_or(usize::MAX);
        let (floor, mut extra) = (splits / count, splits % count);
        let mut order: Vec<_> = self.members.iter().collect();
        order.sort_by_key(|(_, m)| std::cmp::Reverse(m.holds.len()));
        let mut left: BTreeSet<u32> = (0..self.splits).collect();
        let mut shares = BTreeMap::new();
        let mut quotas = Vec::new();
        for (id, membership) in order {
            let quota = floor + usize::from(extra > 0);
            extra = extra.saturating_sub(1);
            let kept: BTreeSet<u32> =
                membership.holds.iter().filter(|s| left.contains(s)).take(quota).copied().collect();
            left.retain(|s| !kept.contains(s));
            quotas.push((id.clone(), quota));
            shares.insert(id.clone(), kept);
        }
        for (id, quota) in quotas {
            let Some(share) = shares.get_mut(&id) else { continue };
            while share.len() < quota {
                let Some(split) = left.pop_first() else { break };
                share.insert(split);
            }
        }
        shares
    }

    /// Heartbeat.
    pub(crate) fn heartbeat(&mut self, now: u64, member: &Member) -> Result<(), Code> {
        let Some(membership) = self.members.get_mut(&member.member_id) else {
            return Err(Code::UnknownMember);
        };
        if member.generation != self.generation {
            return Err(Code::IllegalGeneration);
        }
        membership.last_seen = now;
        if self.preparing.is_some() { Err(Code::Rebalancing) } else { Ok(()) }
    }

    /// The check that fences a transactional offset commit. While the others re-join the generation still stands. A
    /// broker accepts the empty member id with generation -1 even into a group that has members.
    pub(crate) fn accepts(&self, member: &Member) -> Result<(), Code> {
        if member.member_id.is_empty() && member.generation < 0 {
            return Ok(());
        }
        if !self.members.contains_key(&member.member_id) {
            return Err(Code::UnknownMember);
        }
        if member.generation == self.generation { Ok(()) } else { Err(Code::IllegalGeneration) }
    }

    /// LeaveGroup, or an end of the session.
    pub(crate) fn remove(&mut self, now: u64, member_id: &str) -> (bool, Change) {
        let mut change = Change::default();
        let removed = self.members.remove(member_id);
        if let Some(call) = removed.as_ref().and_then(|m| m.joining) {
            change.answers.push((call, Answer::Error(Code::UnknownMember)));
        }
        if self.members.is_empty() {
            self.preparing = None;
        } else if removed.is_some() {
            self.prepare(now, &mut change);
            self.complete_if_all(now, &mut change);
        }
        (removed.is_some(), change)
    }

    /// Every member of a worker, dead ones included.
    pub(crate) fn members_of(&self, worker: usize) -> Vec<String> {
        self.members.iter().filter(|(_, m)| m.worker == worker).map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn fire(&mut self, now: u64, timer: Timer) -> Change {
        match timer {
            Timer::Session(id) => {
                let Some(membership) = self.members.get_mut(&id) else { return Change::default() };
                let ends = membership.last_seen + self.session_ms;
                if membership.joining.is_some() {
                    // Whoever waits for the next generation is alive.
                    membership.timed = false;
                    return Change::default();
                }
                if ends > now {
                    return Change { timers: vec![(ends, Timer::Session(id))], answers: Vec::new() };
                }
                self.remove(now, &id).1
            }
            Timer::Rebalance(number) if self.preparing == Some(number) => {
                let mut change = Change::default();
                self.members.retain(|_, m| m.joining.is_some());
                if self.members.is_empty() {
                    self.preparing = None;
                } else {
                    self.complete(now, &mut change);
                }
                change
            }
            Timer::Rebalance(_) => Change::default(),
        }
    }
}
