//! The tables of shared ids and what each call does to them, inside a transaction that the writer ends.

mod place;
mod read;

use std::collections::BTreeMap;

use bytes::Bytes;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, Settlement, SharedId, Taking, Turn,
};

use crate::Error;
use crate::database::File;
use crate::pending::Done;
use place::{Known, Place};

/// Set and member; the member as [`Known`] encodes it.
const MEMBERS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("shared_members");

/// Set and id; where it stands, as [`Place`] encodes it.
const IDS: TableDefinition<'static, (&str, &SharedId), &[u8]> = TableDefinition::new("shared_ids");

/// Set, member and the ids that it holds.
const HELD: TableDefinition<'static, (&str, &str, &SharedId), ()> = TableDefinition::new("shared_held");

/// Set, time of delivery in milliseconds and id.
const DATED: TableDefinition<'static, (&str, i64, &SharedId), ()> = TableDefinition::new("shared_dated");

/// Ids in a set.
const TOTALS: TableDefinition<'static, &str, u64> = TableDefinition::new("shared_totals");

const FIRST: SharedId = [0; 16];
const LAST: SharedId = [u8::MAX; 16];

/// The open tables of a transaction.
pub(crate) struct Sets<'t> {
    file: &'t File,
    members: Table<'t, (&'static str, &'static str), &'static [u8]>,
    ids: Table<'t, (&'static str, &'static SharedId), &'static [u8]>,
    held: Table<'t, (&'static str, &'static str, &'static SharedId), ()>,
    dated: Table<'t, (&'static str, i64, &'static SharedId), ()>,
    totals: Table<'t, &'static str, u64>,
}

impl<'t> Sets<'t> {
    pub(crate) fn open(file: &'t File, transaction: &'t WriteTransaction) -> Result<Self, Error> {
        const DOING: &str = "open table";
        Ok(Self {
            file,
            members: transaction.open_table(MEMBERS).map_err(file.failed(DOING))?,
            ids: transaction.open_table(IDS).map_err(file.failed(DOING))?,
            held: transaction.open_table(HELD).map_err(file.failed(DOING))?,
            dated: transaction.open_table(DATED).map_err(file.failed(DOING))?,
            totals: transaction.open_table(TOTALS).map_err(file.failed(DOING))?,
        })
    }

    pub(crate) fn enter(&mut self, member: &Member, epoch: Epoch, nonce: Nonce) -> Done<InTurn<MemberState>> {
        let known = read::member(self.file, &self.members, member)?;
        let standing = known.as_ref().map(|known| known.turn);
        let Some(turn) = Turn::entering(standing, epoch, nonce) else {
            return Ok((InTurn::Stale(standing), false));
        };
        let known = Known { turn, ..known.unwrap_or(Known { turn, settled: None, promised: None }) };
        let held = read::held(self.file, &self.held, member)?;
        self.keep(member, &known)?;
        Ok((InTurn::Done(known.with(held)), true))
    }

    pub(crate) fn take(
        &mut self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Done<InTurn<Taking>> {
        let standing = read::member(self.file, &self.members, member)?.map(|known| known.turn);
        if standing != Some(turn) {
            return Ok((InTurn::Stale(standing), false));
        }
        let mut delivered = Vec::with_capacity(ids.len());
        // With the time at which each was delivered before.
        let mut taken: BTreeMap<SharedId, Option<i64>> = BTreeMap::new();
        for id in ids {
            match self.place(member.set(), id)? {
                Some(Place::HeldBy(by)) if by != member.name() => {
                    return Ok((InTurn::Done(Taking::Held { by }), false));
                }
                Some(Place::DeliveredAt(at_ms)) if at_ms > expired_ms => {
                    delivered.push(Some(at_ms));
                    continue;
                }
                Some(Place::HeldBy(_)) => {}
                Some(Place::DeliveredAt(at_ms)) => drop(taken.insert(*id, Some(at_ms))),
                None => drop(taken.insert(*id, None)),
            }
            delivered.push(None);
        }
        let fresh = taken.values().filter(|at_ms| at_ms.is_none()).count();
        let total = self.total(member.set())?.saturating_add(count(fresh));
        for (id, expired) in &taken {
            self.hold(member, id, *expired)?;
        }
        if fresh > 0 {
            self.set_total(member.set(), total)?;
        }
        Ok((InTurn::Done(Taking::Taken { delivered, total }), !taken.is_empty()))
    }

    pub(crate) fn promise(&mut self, member: &Member, turn: Turn, note: Bytes) -> Done<InTurn<()>> {
        match read::member(self.file, &self.members, member)? {
            Some(known) if known.turn == turn => {
                self.keep(member, &Known { promised: Some(note), ..known })?;
                Ok((InTurn::Done(()), true))
            }
            known => Ok((InTurn::Stale(known.map(|known| known.turn)), false)),
        }
    }

    pub(crate) fn settle(
        &mut self,
        member: &Member,
        turn: Turn,
        settlement: Settlement,
    ) -> Done<InTurn<Turn>> {
        let Some(known) = read::member(self.file, &self.members, member)? else {
            return Ok((InTurn::Stale(None), false));
        };
        if known.turn == turn.next() {
            return Ok((InTurn::Done(known.turn), false));
        }
        if known.turn != turn {
            return Ok((InTurn::Stale(Some(known.turn)), false));
        }
        let mut next = Known { turn: turn.next(), promised: None, ..known };
        match settlement {
            Settlement::Delivered { at_ms, note } => {
                next.settled = Some(note);
                self.deliver(member, at_ms)?;
            }
            Settlement::Released => self.release(member)?,
        }
        self.keep(member, &next)?;
        Ok((InTurn::Done(next.turn), true))
    }

    pub(crate) fn leave(&mut self, member: &Member) -> Done<()> {
        self.release(member)?;
        let left = self.members.remove((member.set(), member.name())).map_err(self.file.failed("leave"))?;
        Ok(((), left.is_some()))
    }

    pub(crate) fn expire(&mut self, set: &str, until_ms: i64) -> Done<Expired> {
        let failed = self.file.failed("expire");
        let mut gone = Vec::new();
        let range = (set, i64::MIN, &FIRST)..=(set, until_ms, &LAST);
        for entry in self.dated.range(range).map_err(&failed)? {
            let (key, _) = entry.map_err(&failed)?;
            let (_, at_ms, id) = key.value();
            gone.push((at_ms, *id));
        }
        for (at_ms, id) in &gone {
            self.dated.remove((set, *at_ms, id)).map_err(&failed)?;
            self.ids.remove((set, id)).map_err(&failed)?;
        }
        let removed = count(gone.len());
        let left = self.total(set)?.saturating_sub(removed);
        if removed > 0 {
            self.set_total(set, left)?;
        }
        let mut dated =
            self.dated.range((set, i64::MIN, &FIRST)..=(set, i64::MAX, &LAST)).map_err(&failed)?;
        let oldest = dated.next().transpose().map_err(&failed)?;
        let oldest_ms = oldest.map(|(key, _)| key.value().1);
        Ok((Expired { removed, left, oldest_ms }, removed > 0))
    }

    fn place(&self, set: &str, id: &SharedId) -> Result<Option<Place>, Error> {
        let Some(found) = self.ids.get((set, id)).map_err(self.file.failed("read"))? else { return Ok(None) };
        let corrupt = || read::corrupt(self.file, set, "where an id stands is none of the places");
        Place::decode(found.value()).ok_or_else(corrupt).map(Some)
    }

    fn keep(&mut self, member: &Member, known: &Known) -> Result<(), Error> {
        let value = known.encode(member);
        let key = (member.set(), member.name());
        self.members.insert(key, value.as_slice()).map_err(self.file.failed("write")).map(drop)
    }

    fn hold(&mut self, member: &Member, id: &SharedId, expired: Option<i64>) -> Result<(), Error> {
        let failed = self.file.failed("take");
        let (set, place) = (member.set(), Place::HeldBy(member.name().to_owned()).encode());
        if let Some(at_ms) = expired {
            self.dated.remove((set, at_ms, id)).map_err(&failed)?;
        }
        self.ids.insert((set, id), place.as_slice()).map_err(&failed)?;
        self.held.insert((set, member.name(), id), ()).map_err(&failed).map(drop)
    }

    fn deliver(&mut self, member: &Member, at_ms: i64) -> Result<(), Error> {
        let failed = self.file.failed("settle");
        let (set, place) = (member.set(), Place::DeliveredAt(at_ms).encode());
        for id in self.let_go(member)? {
            self.ids.insert((set, &id), place.as_slice()).map_err(&failed)?;
            self.dated.insert((set, at_ms, &id), ()).map_err(&failed)?;
        }
        Ok(())
    }

    fn release(&mut self, member: &Member) -> Result<(), Error> {
        let ids = self.let_go(member)?;
        for id in &ids {
            self.ids.remove((member.set(), id)).map_err(self.file.failed("release"))?;
        }
        let total = self.total(member.set())?.saturating_sub(count(ids.len()));
        if ids.is_empty() { Ok(()) } else { self.set_total(member.set(), total) }
    }

    /// What the member holds, which it does not afterwards.
    fn let_go(&mut self, member: &Member) -> Result<Vec<SharedId>, Error> {
        let failed = self.file.failed("let go");
        let mut ids = Vec::new();
        for entry in self.held.range(read::holding(member)).map_err(&failed)? {
            let (key, ()) = entry.map(|(key, held)| (key, held.value())).map_err(&failed)?;
            ids.push(*key.value().2);
        }
        for id in &ids {
            self.held.remove((member.set(), member.name(), id)).map_err(&failed)?;
        }
        Ok(ids)
    }

    fn total(&self, set: &str) -> Result<u64, Error> {
        let found = self.totals.get(set).map_err(self.file.failed("read"))?;
        Ok(found.map_or(0, |total| total.value()))
    }

    fn set_total(&mut self, set: &str, total: u64) -> Result<(), Error> {
        self.totals.insert(set, total).map_err(self.file.failed("write")).map(drop)
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
