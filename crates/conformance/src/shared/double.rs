//! Shared ids that tell one lie.

mod memory;
mod names;
mod owning;
mod taking;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Code, Disposition, Epoch, Error, Expired, InTurn, Member, MemberState, Nonce, Result, Settlement,
    SharedId, SharedIds, Taking, Turn,
};

use crate::SharedLie;
use memory::Memory;

/// Honest shared ids with one lie on top.
#[derive(Debug)]
pub struct LyingIds {
    honest: Arc<dyn SharedIds>,
    lie: SharedLie,
    memory: Mutex<Memory>,
}

impl LyingIds {
    /// Tells `lie` on top of an honest store.
    #[must_use]
    pub fn new(honest: Arc<dyn SharedIds>, lie: SharedLie) -> Self {
        Self { honest, lie, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a reader is told of a member.
    fn shown(&self, member: &Member, state: Option<MemberState>) -> Option<MemberState> {
        let Some(mut state) = state else {
            let turn = Turn { epoch: Epoch(0), nonce: Nonce(0), number: 0 };
            let invented = MemberState { turn, settled: None, promised: None, held: 0 };
            return (self.lie == SharedLie::InventsMembers).then_some(invented);
        };
        let memory = self.memory();
        let text = |note: Bytes| Bytes::from(String::from_utf8_lossy(&note).into_owned());
        match self.lie {
            SharedLie::StoresText => {
                state.settled = state.settled.map(text);
                state.promised = state.promised.map(text);
            }
            SharedLie::EmptyNoteIsAbsent => {
                state.settled = state.settled.filter(|note| !note.is_empty());
                state.promised = state.promised.filter(|note| !note.is_empty());
            }
            SharedLie::ReleaseDropsNote if memory.released.contains(member) => state.settled = None,
            SharedLie::EntryDropsPromise if memory.promised.get(member) != Some(&state.turn) => {
                state.promised = None;
            }
            SharedLie::EntryDropsNote if memory.settled.get(member) != Some(&state.turn) => {
                state.settled = None;
            }
            SharedLie::SumsHeld => {
                state.held = memory.asked.get(member).copied().unwrap_or_default();
            }
            _ => {}
        }
        Some(state)
    }
}

fn refused(why: &str) -> Error {
    Error::new(Code::StoreUnavailable, Disposition::Reject, why)
}

#[async_trait]
impl SharedIds for LyingIds {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        let member = self.renamed(member);
        let state = self.honest.member(&member).await?;
        Ok(self.shown(&member, state))
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        let mut members = self.honest.members(&self.set(set)).await?;
        match self.lie {
            SharedLie::ListsBackwards => members.reverse(),
            SharedLie::ListsPhantoms if members.is_empty() => members.push("phantom".to_owned()),
            _ => {}
        }
        Ok(members)
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        let member = self.renamed(member);
        let answer = self.lying_enter(&member, epoch, nonce).await?;
        Ok(match answer {
            InTurn::Done(state) => {
                self.memory().turns.insert(member.clone(), state.turn);
                self.shown(&member, Some(state)).map_or(InTurn::Stale(None), InTurn::Done)
            }
            stale => self.muted(stale),
        })
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let member = self.renamed(member);
        let turn = self.admitted(&member, turn).await?;
        let answer = self.lying_take(&member, turn, ids, expired_ms).await?;
        Ok(self.muted(answer))
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        let member = self.renamed(member);
        let turn = self.admitted(&member, turn).await?;
        if self.lie == SharedLie::FirstPromiseStays {
            let state = self.honest.member(&member).await?;
            if state.is_some_and(|state| state.turn == turn && state.promised.is_some()) {
                return Ok(InTurn::Done(()));
            }
        }
        let answer = self.honest.promise(&member, turn, note).await?;
        if answer == InTurn::Done(()) {
            self.memory().promised.insert(member, turn);
        }
        Ok(self.muted(answer))
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        let member = self.renamed(member);
        let turn = self.admitted(&member, turn).await?;
        let answer = self.lying_settle(&member, turn, settlement).await?;
        Ok(self.muted(answer))
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        self.lying_leave(&self.renamed(member)).await
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        let set = self.set(set);
        let until = match self.lie {
            SharedLie::KeepsTheMoment => until_ms.saturating_sub(1),
            SharedLie::ExpiresEarly => until_ms.saturating_add(1),
            SharedLie::NeverExpires => i64::MIN,
            SharedLie::ExpiresFew if self.memory().delivered_by(&set, until_ms) > 1000 => i64::MIN,
            _ => until_ms,
        };
        if self.lie == SharedLie::ExpiresHeld {
            self.settle_all(&set, None, &Settlement::Released).await?;
        }
        let mut expired = self.honest.expire(&set, until).await?;
        match self.lie {
            SharedLie::CountsDelivered => {
                let held = self.memory().holders.keys().filter(|(of, _)| *of == set).count();
                expired.left = expired.left.saturating_sub(u64::try_from(held).unwrap_or(u64::MAX));
            }
            SharedLie::InventsOldest => expired.oldest_ms = Some(until_ms),
            SharedLie::SumsExpired => {
                let mut memory = self.memory();
                memory.removed = memory.removed.saturating_add(expired.removed);
                expired.removed = memory.removed;
            }
            _ => {}
        }
        Ok(expired)
    }
}
