//! Sets of ids that several jobs take from.
//!
//! Each call is one script, so one step of the server and one round trip. It looks before it writes, and its first write is
//! one that a full server refuses wherever it needs room, so that a refusal leaves nothing behind.

mod answer;
mod scripts;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, cmd, from_redis_value};
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, NotAdmitted, Result, Settlement, SharedId, SharedIds,
    Taking, Turn,
};

use crate::caller::Answered;
use crate::doing::{Doing, ENTER, EXPIRE, LEAVE, MEMBER, MEMBERS, PROMISE, SETTLE, TAKE, failed};
use crate::script::By;
use crate::{Error, RedisStore, key};

use answer::Answer;
use scripts::MAX_MS;
pub(crate) use scripts::SetScripts;

/// Longest note in bytes: as the largest value.
const MAX_NOTE_BYTES: usize = crate::store::MAX_VALUE_BYTES;

impl RedisStore {
    /// One step of a set that may change it, read by `read` once the replicas have it.
    async fn change<T>(
        &self,
        doing: Doing,
        set: &str,
        script: impl Fn(By) -> Cmd + Send + Sync,
        read: impl FnOnce(Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Answered { server, first, rest } = self.write(doing, &key::tag_of_set(set), script).await?;
        let answer = Answer::of(doing, server, first)?;
        if !answer.is_of_no_effect() {
            self.replicated(answer.server(), rest)?;
        }
        read(answer)
    }
}

#[async_trait]
impl SharedIds for RedisStore {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        let script = |by| self.set_scripts().member(by, self.prefix(), member);
        let answered = self.one(MEMBER, &key::tag_of_set(member.set()), script).await?;
        let answer = Answer::of(MEMBER, answered.server, answered.first)?;
        Ok(match answer.in_turn(member, |answer| answer.state(member))? {
            InTurn::Done(state) => Some(state),
            InTurn::Stale(_) => None,
        })
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        admit_set(set)?;
        let command = |_| cmd("HKEYS").arg(key::of_set(self.prefix(), set, "turns")).to_owned();
        let answered = self.one(MEMBERS, &key::tag_of_set(set), command).await?;
        let names = from_redis_value::<Vec<String>>(answered.first);
        let mut names = names.map_err(|error| failed(MEMBERS, &answered.server, error.into()))?;
        names.sort_unstable();
        Ok(names)
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        let script = |by| self.set_scripts().enter(by, self.prefix(), member, epoch, nonce);
        let read = |answer: Answer| answer.in_turn(member, |answer| answer.state(member));
        Ok(self.change(ENTER, member.set(), script, read).await?)
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let script = |by| self.set_scripts().take(by, self.prefix(), member, turn, ids, expired_ms);
        let read = |answer: Answer| answer.in_turn(member, |answer| answer.taking(ids.len()));
        Ok(self.change(TAKE, member.set(), script, read).await?)
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        admit_note(&note)?;
        let script = |by| self.set_scripts().promise(by, self.prefix(), member, turn, &note);
        let read = |answer: Answer| answer.in_turn(member, Answer::done);
        Ok(self.change(PROMISE, member.set(), script, read).await?)
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        if let Settlement::Delivered { at_ms, note } = &settlement {
            admit_note(note)?;
            admit_time(*at_ms)?;
        }
        let script = |by| self.set_scripts().settle(by, self.prefix(), member, turn, &settlement);
        let read = |answer: Answer| answer.in_turn(member, |answer| answer.done().map(|()| turn.next()));
        Ok(self.change(SETTLE, member.set(), script, read).await?)
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        let script = |by| self.set_scripts().leave(by, self.prefix(), member);
        Ok(self.change(LEAVE, member.set(), script, Answer::done).await?)
    }

    /// Several steps where more than 10,000 ids are due, so that nobody else waits for long.
    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        admit_set(set)?;
        let script = |by| self.set_scripts().expire(by, self.prefix(), set, until_ms);
        let mut removed = 0u64;
        loop {
            let (portion, more) = self.change(EXPIRE, set, script, Answer::expired).await?;
            removed = removed.saturating_add(portion.removed);
            if !more {
                return Ok(Expired { removed, ..portion });
            }
        }
    }
}

/// A set whose name fits the keys.
fn admit_set(set: &str) -> Result<(), NotAdmitted> {
    Member::new(set, set).map(|_| ())
}

fn admit_note(note: &Bytes) -> Result<(), NotAdmitted> {
    match note.len() {
        found if found > MAX_NOTE_BYTES => {
            Err(NotAdmitted::TooLarge { what: "bytes of a note", found, limit: MAX_NOTE_BYTES })
        }
        _ => Ok(()),
    }
}

/// A time that scripts can compare.
fn admit_time(at_ms: i64) -> Result<(), NotAdmitted> {
    if (-MAX_MS..=MAX_MS).contains(&at_ms) {
        return Ok(());
    }
    let count = |ms: u64| usize::try_from(ms).unwrap_or(usize::MAX);
    let (found, limit) = (count(at_ms.unsigned_abs()), count(MAX_MS.unsigned_abs()));
    Err(NotAdmitted::TooLarge { what: "milliseconds from the Unix epoch", found, limit })
}
