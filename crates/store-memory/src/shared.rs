//! The model of shared ids.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, Result, Settlement, SharedId, SharedIds, Taking, Turn,
};

use crate::{Error, Fault, MemoryStore};

/// Sets by name.
pub(crate) type Sets = BTreeMap<String, IdSet>;

/// One set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IdSet {
    members: BTreeMap<String, Known>,
    ids: BTreeMap<SharedId, Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    turn: Turn,
    settled: Option<Bytes>,
    promised: Option<Bytes>,
}

/// Where an id stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    HeldBy(String),
    DeliveredAt(i64),
}

impl IdSet {
    fn member(&self, name: &str) -> Option<MemberState> {
        let Known { turn, settled, promised } = self.members.get(name)?.clone();
        let held = self.ids.values().filter(|place| **place == Place::HeldBy(name.to_owned())).count();
        Some(MemberState { turn, settled, promised, held: count(held) })
    }

    fn standing(&self, name: &str) -> Option<Turn> {
        self.members.get(name).map(|known| known.turn)
    }

    fn enter(&mut self, name: &str, epoch: Epoch, nonce: Nonce) -> InTurn<MemberState> {
        let standing = self.standing(name);
        let Some(turn) = Turn::entering(standing, epoch, nonce) else { return InTurn::Stale(standing) };
        let new = Known { turn, settled: None, promised: None };
        self.members.entry(name.to_owned()).and_modify(|known| known.turn = turn).or_insert(new);
        self.member(name).map_or(InTurn::Stale(None), InTurn::Done)
    }

    fn take(&mut self, name: &str, turn: Turn, ids: &[SharedId], expired_ms: i64) -> InTurn<Taking> {
        let standing = self.standing(name);
        if standing != Some(turn) {
            return InTurn::Stale(standing);
        }
        let mut delivered = Vec::with_capacity(ids.len());
        for id in ids {
            match self.ids.get(id) {
                Some(Place::HeldBy(by)) if by != name => {
                    return InTurn::Done(Taking::Held { by: by.clone() });
                }
                Some(Place::DeliveredAt(at_ms)) if *at_ms > expired_ms => delivered.push(Some(*at_ms)),
                _ => delivered.push(None),
            }
        }
        for (id, _) in ids.iter().zip(&delivered).filter(|(_, at_ms)| at_ms.is_none()) {
            self.ids.insert(*id, Place::HeldBy(name.to_owned()));
        }
        InTurn::Done(Taking::Taken { delivered, total: count(self.ids.len()) })
    }

    fn promise(&mut self, name: &str, turn: Turn, note: Bytes) -> InTurn<()> {
        match self.members.get_mut(name) {
            Some(known) if known.turn == turn => {
                known.promised = Some(note);
                InTurn::Done(())
            }
            known => InTurn::Stale(known.map(|known| known.turn)),
        }
    }

    fn settle(&mut self, name: &str, turn: Turn, settlement: Settlement) -> InTurn<Turn> {
        let Some(known) = self.members.get_mut(name) else { return InTurn::Stale(None) };
        if known.turn == turn.next() {
            return InTurn::Done(known.turn);
        }
        if known.turn != turn {
            return InTurn::Stale(Some(known.turn));
        }
        known.turn = turn.next();
        known.promised = None;
        match settlement {
            Settlement::Delivered { at_ms, note } => {
                known.settled = Some(note);
                let held = self.ids.values_mut().filter(|place| **place == Place::HeldBy(name.to_owned()));
                held.for_each(|place| *place = Place::DeliveredAt(at_ms));
            }
            Settlement::Released => self.release(name),
        }
        InTurn::Done(turn.next())
    }

    fn release(&mut self, name: &str) {
        self.ids.retain(|_, place| *place != Place::HeldBy(name.to_owned()));
    }

    fn expire(&mut self, until_ms: i64) -> Expired {
        let before = self.ids.len();
        self.ids.retain(|_, place| !matches!(place, Place::DeliveredAt(at_ms) if *at_ms <= until_ms));
        let times = self.ids.values().filter_map(|place| match place {
            Place::DeliveredAt(at_ms) => Some(*at_ms),
            Place::HeldBy(_) => None,
        });
        let oldest_ms = times.min();
        Expired {
            removed: count(before.saturating_sub(self.ids.len())),
            left: count(self.ids.len()),
            oldest_ms,
        }
    }
}

impl MemoryStore {
    /// One call on a set that may change it, with the next fault of the script for commits. What a script delays or tears
    /// is lost here: the whole set is one value.
    fn change<T>(&self, call: &'static str, set: &str, change: impl FnOnce(&mut IdSet) -> T) -> Result<T> {
        let mut state = self.lock();
        state.trips.shared += 1;
        let fault = state.commits.pop_front().unwrap_or_default();
        match fault {
            Fault::NotReached => return Err(Error::NotReached { call }.into()),
            Fault::None | Fault::ReplyLost => {}
            Fault::Lost | Fault::Torn | Fault::Delayed => return Err(Error::ReplyLost { call }.into()),
        }
        let answer = change(state.sets.entry(set.to_owned()).or_default());
        if fault == Fault::None { Ok(answer) } else { Err(Error::ReplyLost { call }.into()) }
    }

    /// One call that reads a set, with the next fault of the script for reads.
    fn look<T>(&self, call: &'static str, set: &str, look: impl FnOnce(Option<&IdSet>) -> T) -> Result<T> {
        let mut state = self.lock();
        state.trips.shared += 1;
        match state.reads.pop_front().unwrap_or_default() {
            Fault::None => Ok(look(state.sets.get(set))),
            _ => Err(Error::NotReached { call }.into()),
        }
    }
}

#[async_trait]
impl SharedIds for MemoryStore {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        self.look("member", member.set(), |set| set.and_then(|set| set.member(member.name())))
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        self.look("members", set, |set| {
            set.map(|set| set.members.keys().cloned().collect()).unwrap_or_default()
        })
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        self.change("enter", member.set(), |set| set.enter(member.name(), epoch, nonce))
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        self.change("take", member.set(), |set| set.take(member.name(), turn, ids, expired_ms))
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        self.change("promise", member.set(), |set| set.promise(member.name(), turn, note))
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        self.change("settle", member.set(), |set| set.settle(member.name(), turn, settlement))
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        self.change("leave", member.set(), |set| {
            set.members.remove(member.name());
            set.release(member.name());
        })
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        self.change("expire", set, |set| set.expire(until_ms))
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
