//! Sets of ids that several jobs take from. A call that changes a set is one transaction in one round trip, but for
//! entering, which reads first.

mod row;

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_postgres::types::Type;
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, Result, Settlement, SharedId, SharedIds, Taking, Turn,
};

use super::{LOOKS, Shared, get};
use crate::codec::seal;
use crate::limits::{admit_ids, admit_note};
use crate::session::{Effect, Parameter};
use crate::{Error, PostgresStore};
use row::{Key, count, first, known, standing, state};

impl Shared {
    async fn member(&self, call: &'static str, member: &Member) -> Result<Option<MemberState>, Error> {
        let key = Key::of(member);
        let rows = self.server.query(call, Effect::Reads, &self.sql.shared.member, &key.member()).await?;
        rows.first().map(|row| state(row, call, member)).transpose()
    }

    /// The member's state behind its entry in place of `old`; `None` where that does not stand any more.
    async fn replace(
        &self,
        member: &Member,
        old: Option<Turn>,
        new: Turn,
    ) -> Result<Option<MemberState>, Error> {
        const CALL: &str = "enter";
        let sql = &self.sql.shared;
        let (old, new) = (old.map(|old| Key::in_turn(member, old)), Key::in_turn(member, new));
        let enter: (&str, Vec<Parameter<'_>>) = match &old {
            None => (&sql.join, new.turn()),
            Some(old) => (&sql.replace, new.turn_and(old.turn().into_iter().skip(2))),
        };
        let (set, name) = (new.set(), new.member());
        let statements = [(sql.lock.as_str(), &set[..]), (enter.0, &enter.1), (&sql.member, &name)];
        let answers = self.server.transact(CALL, &statements).await?;
        if answers.get(1).is_none_or(Vec::is_empty) {
            return Ok(None);
        }
        first(&answers, 2).map(|row| state(row, CALL, member)).transpose()
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>, Error> {
        for _ in 0..LOOKS {
            let stands = self.member("enter", member).await?.map(|state| state.turn);
            let Some(turn) = Turn::entering(stands, epoch, nonce) else { return Ok(InTurn::Stale(stands)) };
            if let Some(state) = self.replace(member, stands, turn).await? {
                return Ok(InTurn::Done(state));
            }
        }
        Err(Error::Contended { call: "enter" })
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>, Error> {
        const CALL: &str = "take";
        let (sql, key) = (&self.sql.shared, Key::in_turn(member, turn));
        let asked: Vec<&[u8]> = ids.iter().map(|id| &id[..]).collect();
        let (set, name) = (key.set(), key.member());
        let grant = key.turn_and([(&asked as _, Type::BYTEA_ARRAY)]);
        let take = key.member_and([(&asked as _, Type::BYTEA_ARRAY), (&expired_ms as _, Type::INT8)]);
        let statements = [
            (sql.lock.as_str(), &set[..]),
            (&sql.standing, &name),
            (&sql.grant_take, &grant),
            (&sql.take, &take),
        ];
        let answers = self.server.transact(CALL, &statements).await?;
        let stands = standing(&answers, 1, CALL)?;
        if stands != Some(turn) {
            return Ok(InTurn::Stale(stands));
        }
        let found = answers.get(2).map(Vec::as_slice).unwrap_or_default();
        let (places, total) = known(found, CALL, member)?;
        Ok(InTurn::Done(judge(member, ids, &places, expired_ms, total)?))
    }

    async fn promise(&self, member: &Member, turn: Turn, note: &Bytes) -> Result<InTurn<()>, Error> {
        const CALL: &str = "promise";
        let (sql, key) = (&self.sql.shared, Key::in_turn(member, turn));
        let note = seal(member, note);
        let (set, name, grant) = (key.set(), key.member(), key.turn());
        let promise = key.member_and([(&note as _, Type::BYTEA)]);
        let statements = [
            (sql.lock.as_str(), &set[..]),
            (&sql.standing, &name),
            (&sql.grant, &grant),
            (&sql.promise, &promise),
        ];
        let answers = self.server.transact(CALL, &statements).await?;
        let stands = standing(&answers, 1, CALL)?;
        Ok(if stands == Some(turn) { InTurn::Done(()) } else { InTurn::Stale(stands) })
    }

    async fn settle(
        &self,
        member: &Member,
        turn: Turn,
        settlement: &Settlement,
    ) -> Result<InTurn<Turn>, Error> {
        const CALL: &str = "settle";
        let (sql, key) = (&self.sql.shared, Key::in_turn(member, turn));
        let next = Key::in_turn(member, turn.next());
        let (note, at_ms) = match settlement {
            Settlement::Delivered { at_ms, note } => (Some(seal(member, note)), Some(*at_ms)),
            Settlement::Released => (None, None),
        };
        let (set, name, grant) = (key.set(), key.member(), key.turn());
        let settle = key.member_and([next.number(), (&note as _, Type::BYTEA)]);
        let deliver = key.member_and([(&at_ms as _, Type::INT8)]);
        let (grants, ids) = match settlement {
            Settlement::Delivered { .. } => (&sql.grant, (&sql.deliver, &deliver)),
            Settlement::Released => (&sql.grant_release, (&sql.release, &name)),
        };
        let statements = [
            (sql.lock.as_str(), &set[..]),
            (&sql.standing, &name),
            (grants, &grant),
            (&sql.settle, &settle),
            (ids.0, ids.1),
        ];
        let answers = self.server.transact(CALL, &statements).await?;
        let stands = standing(&answers, 1, CALL)?;
        let done = stands == Some(turn) || stands == Some(turn.next());
        Ok(if done { InTurn::Done(turn.next()) } else { InTurn::Stale(stands) })
    }

    async fn leave(&self, member: &Member) -> Result<(), Error> {
        let (sql, key) = (&self.sql.shared, Key::of(member));
        let (set, name) = (key.set(), key.member());
        let statements = [
            (sql.lock.as_str(), &set[..]),
            (&sql.grant_leave, &name),
            (&sql.leave, &name),
            (&sql.release, &name),
        ];
        self.server.transact("leave", &statements).await?;
        Ok(())
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired, Error> {
        const CALL: &str = "expire";
        let sql = &self.sql.shared;
        let name: [Parameter<'_>; 1] = [(&set, Type::TEXT)];
        let until: [Parameter<'_>; 2] = [(&set, Type::TEXT), (&until_ms, Type::INT8)];
        let statements = [
            (sql.lock.as_str(), &name[..]),
            (&sql.grant_expire, &until),
            (&sql.expire, &until),
            (&sql.oldest, &name),
        ];
        let answers = self.server.transact(CALL, &statements).await?;
        let (left, removed, oldest) = (first(&answers, 1), first(&answers, 2), first(&answers, 3));
        Ok(Expired {
            left: left.map_or(Ok(0), |row| count(row, 0, CALL, set))?,
            removed: removed.map_or(Ok(0), |row| count(row, 0, CALL, set))?,
            oldest_ms: oldest.map_or(Ok(None), |row| get(row, 0, CALL))?,
        })
    }
}

/// What the server did, by the rule that its statement follows too.
fn judge(
    member: &Member,
    ids: &[SharedId],
    places: &HashMap<SharedId, row::Place<'_>>,
    expired_ms: i64,
    total: Option<u64>,
) -> Result<Taking, Error> {
    let mut delivered = Vec::with_capacity(ids.len());
    for id in ids {
        match places.get(id) {
            Some(row::Place { holder: Some(by), .. }) if *by != member.name() => {
                return Ok(Taking::Held { by: (*by).to_owned() });
            }
            Some(row::Place { at_ms, .. }) => delivered.push(at_ms.filter(|at_ms| *at_ms > expired_ms)),
            None => delivered.push(None),
        }
    }
    // Without a grant nothing was taken.
    let total = total.ok_or(Error::Contended { call: "take" })?;
    Ok(Taking::Taken { delivered, total })
}

#[async_trait]
impl SharedIds for PostgresStore {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        Ok(self.0.member("member", member).await?)
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        const CALL: &str = "members";
        let parameters: [Parameter<'_>; 1] = [(&set, Type::TEXT)];
        let rows = self.0.server.query(CALL, Effect::Reads, &self.0.sql.shared.members, &parameters).await?;
        Ok(rows.iter().map(|row| get(row, 0, CALL)).collect::<Result<_, Error>>()?)
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        Ok(self.0.enter(member, epoch, nonce).await?)
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        admit_ids(self.0.config.dialect, ids)?;
        Ok(self.0.take(member, turn, ids, expired_ms).await?)
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        admit_note(self.0.config.dialect, &note)?;
        Ok(self.0.promise(member, turn, &note).await?)
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        if let Settlement::Delivered { note, .. } = &settlement {
            admit_note(self.0.config.dialect, note)?;
        }
        Ok(self.0.settle(member, turn, &settlement).await?)
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        Ok(self.0.leave(member).await?)
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        Ok(self.0.expire(set, until_ms).await?)
    }
}
