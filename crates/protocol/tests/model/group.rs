//! The group coordinator: members, generations, and offsets that wait for their transaction.

use velostream_protocol::kafka_lane::Identity;

use super::coordinator::Part;
use super::coordinator::Transactions;
use super::log::ProducerId;

/// A member id and a generation.
pub(crate) type Token = (u8, u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Accepted,
    /// ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID.
    StaleMembership,
    /// A fenced producer.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pending {
    producer: ProducerId,
    offset: u8,
    /// An offset commit that was accepted later has been applied already.
    superseded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) generation: u8,
    pub(crate) members: [Option<u8>; 2],
    pub(crate) owner: Option<u8>,
    /// Grows whenever the assignment changes.
    pub(crate) version: u8,
    next_member: u8,
    pub(crate) committed: u8,
    /// What a coordinator that was replaced may still answer.
    pub(crate) replaced: u8,
    pending: Vec<Pending>,
    producers: Vec<(ProducerId, i16)>,
}

impl Group {
    /// Both workers are members of generation 1; the first owns the split.
    pub(crate) const fn new(one_worker: bool) -> Self {
        Self {
            generation: 1,
            members: if one_worker { [Some(0), Some(0)] } else { [Some(0), Some(1)] },
            owner: Some(0),
            version: 1,
            next_member: 2,
            committed: 0,
            replaced: 0,
            pending: Vec::new(),
            producers: Vec::new(),
        }
    }

    fn next_generation(&mut self, owner: Option<u8>) {
        self.generation += 1;
        self.version += 1;
        self.owner = owner;
    }

    /// A member joins, in place of an earlier process of the same worker; gives its id. The other one keeps the split.
    pub(crate) fn join(&mut self, worker: u8) -> u8 {
        let id = self.next_member;
        self.next_member += 1;
        self.members[usize::from(worker)] = Some(id);
        self.next_generation(self.owner.or(Some(worker)));
        id
    }

    /// A member leaves, or its session ends.
    pub(crate) fn remove(&mut self, worker: u8) {
        self.members[usize::from(worker)] = None;
        let other = 1 - worker;
        let owner = self.members[usize::from(other)].map(|_| other);
        self.next_generation(owner);
    }

    pub(crate) fn shuffle(&mut self) {
        self.next_generation(self.owner.map(|o| 1 - o));
    }

    /// The split moves inside one worker: no new generation.
    pub(crate) const fn hand_to(&mut self, lane: Option<u8>) {
        self.version += 1;
        self.owner = lane;
    }

    pub(crate) fn accepts(&self, token: Token) -> bool {
        self.members.contains(&Some(token.0)) && token.1 == self.generation
    }

    /// TxnOffsetCommit. `None` is the anonymous membership, which brokers accept into a live group.
    pub(crate) fn store(&mut self, identity: Identity, token: Option<Token>, offset: u8) -> Fence {
        let known = self.producers.iter().find(|(id, _)| *id == identity.id);
        if known.is_some_and(|(_, epoch)| identity.epoch < *epoch) {
            return Fence::Refused;
        }
        if token.is_some_and(|t| !self.accepts(t)) {
            return Fence::StaleMembership;
        }
        self.remember(identity);
        self.pending.retain(|p| p.producer != identity.id);
        self.pending.push(Pending { producer: identity.id, offset, superseded: false });
        Fence::Accepted
    }

    fn remember(&mut self, identity: Identity) {
        match self.producers.iter_mut().find(|(id, _)| *id == identity.id) {
            Some((_, epoch)) => *epoch = (*epoch).max(identity.epoch),
            None => {
                self.producers.push((identity.id, identity.epoch));
                self.producers.sort_unstable();
            }
        }
    }

    /// A marker arrives: pending offsets of this producer count, in the order in which they were accepted.
    pub(crate) fn mark(&mut self, identity: Identity, commit: bool) {
        self.remember(identity);
        let Some(at) = self.pending.iter().position(|p| p.producer == identity.id) else { return };
        let pending = self.pending.remove(at);
        if commit && !pending.superseded {
            self.replaced = self.committed;
            self.committed = pending.offset;
            for earlier in &mut self.pending[..at] {
                earlier.superseded = true;
            }
        }
    }

    /// The offset once every decided transaction is written out.
    pub(crate) fn decided(&self, transactions: &[Transactions; 2]) -> u8 {
        let decided = |p: &Pending| {
            !p.superseded && transactions.iter().any(|t| t.decided(p.producer, Part::Group) == Some(true))
        };
        self.pending.iter().rfind(|p| decided(p)).map_or(self.committed, |p| p.offset)
    }
}
