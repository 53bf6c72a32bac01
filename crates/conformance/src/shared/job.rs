//! One job of a set: a member in its present turn.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{InTurn, Member, MemberState, Settlement, SharedId, SharedIds, Taking, Turn};

use crate::Violation;
use crate::verdict::{Must, ensure};

/// A moment that no id of these cases was delivered at or before, unless a case says so.
pub(super) const LONG_AGO_MS: i64 = 0;

/// A member whose turn is kept up to date by its own settlements alone.
pub(super) struct Job {
    store: Arc<dyn SharedIds>,
    member: Member,
    pub(super) turn: Turn,
}

impl Job {
    pub(super) fn new(store: Arc<dyn SharedIds>, member: Member, turn: Turn) -> Self {
        Self { store, member, turn }
    }

    pub(super) const fn member(&self) -> &Member {
        &self.member
    }

    /// The same member in another turn.
    pub(super) fn with_turn(&self, turn: Turn) -> Self {
        Self::new(Arc::clone(&self.store), self.member.clone(), turn)
    }

    pub(super) async fn take(&self, ids: &[SharedId], expired_ms: i64) -> Result<InTurn<Taking>, Violation> {
        self.store.take(&self.member, self.turn, ids, expired_ms).await.must("take")
    }

    /// A taking that nobody stands in the way of: answers by id, and the total.
    pub(super) async fn taken(
        &self,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<(Vec<Option<i64>>, u64), Violation> {
        match self.take(ids, expired_ms).await? {
            InTurn::Done(Taking::Taken { delivered, total }) => {
                ensure!(
                    delivered.len() == ids.len(),
                    "a taking of {} ids has {} answers",
                    ids.len(),
                    delivered.len()
                );
                Ok((delivered, total))
            }
            other => Err(Violation::Seen { what: format!("{} could take nothing: {other:?}", self.member) }),
        }
    }

    /// As [`taken`](Self::taken), of ids that were never delivered. Answers the total.
    pub(super) async fn holds(&self, ids: &[SharedId]) -> Result<u64, Violation> {
        let (delivered, total) = self.taken(ids, LONG_AGO_MS).await?;
        let known = delivered.iter().flatten().count();
        ensure!(
            known == 0,
            "{known} of {} ids are answered as delivered: {:?}",
            ids.len(),
            first(&delivered)
        );
        Ok(total)
    }

    /// A taking of ids that all were delivered at `at_ms`.
    pub(super) async fn finds(&self, ids: &[SharedId], at_ms: i64) -> Result<(), Violation> {
        let (delivered, _) = self.taken(ids, LONG_AGO_MS).await?;
        let wrong = delivered.iter().filter(|found| **found != Some(at_ms)).count();
        ensure!(
            wrong == 0,
            "{wrong} of {} ids that were delivered at {at_ms} are answered otherwise: {:?}",
            ids.len(),
            delivered.iter().find(|found| **found != Some(at_ms))
        );
        Ok(())
    }

    /// A taking that `by` stands in the way of.
    pub(super) async fn meets(&self, by: &str, ids: &[SharedId]) -> Result<(), Violation> {
        match self.take(ids, LONG_AGO_MS).await? {
            InTurn::Done(Taking::Held { by: found }) if found == by => Ok(()),
            other => Err(Violation::Seen {
                what: format!("{by} holds an id, and the taking of {} says {}", self.member, short(&other)),
            }),
        }
    }

    pub(super) async fn promise(&self, note: &[u8]) -> Result<InTurn<()>, Violation> {
        self.store.promise(&self.member, self.turn, Bytes::copy_from_slice(note)).await.must("promise")
    }

    pub(super) async fn promised(&self, note: &[u8]) -> Result<(), Violation> {
        let answer = self.promise(note).await?;
        ensure!(answer == InTurn::Done(()), "a promise of {} in its turn gave {answer:?}", self.member);
        Ok(())
    }

    pub(super) async fn settle(&self, settlement: Settlement) -> Result<InTurn<Turn>, Violation> {
        self.store.settle(&self.member, self.turn, settlement).await.must("settle")
    }

    /// A settlement in turn; the next turn is the job's then.
    pub(super) async fn settled(&mut self, settlement: Settlement) -> Result<(), Violation> {
        match self.settle(settlement).await? {
            InTurn::Done(turn) => self.turn = turn,
            InTurn::Stale(standing) => {
                let what = format!("a settlement of {} in {} is stale: {standing:?}", self.member, self.turn);
                return Err(Violation::Seen { what });
            }
        }
        Ok(())
    }

    pub(super) async fn deliver(&mut self, at_ms: i64) -> Result<(), Violation> {
        self.settled(delivered(at_ms, b"note")).await
    }

    pub(super) async fn release(&mut self) -> Result<(), Violation> {
        self.settled(Settlement::Released).await
    }

    pub(super) async fn leave(&self) -> Result<(), Violation> {
        self.store.leave(&self.member).await.must("leave")
    }

    /// What the set knows about it; an unknown member is a violation.
    pub(super) async fn state(&self) -> Result<MemberState, Violation> {
        let found = self.store.member(&self.member).await.must("member")?;
        found.ok_or_else(|| Violation::Seen { what: format!("{} entered and is unknown", self.member) })
    }
}

pub(super) fn delivered(at_ms: i64, note: &[u8]) -> Settlement {
    Settlement::Delivered { at_ms, note: Bytes::copy_from_slice(note) }
}

/// Fails unless the call was answered with the turn that stands.
pub(super) fn stale<T: Debug>(
    call: &str,
    answer: &InTurn<T>,
    standing: Option<Turn>,
) -> Result<(), Violation> {
    match answer {
        InTurn::Stale(found) if *found == standing => Ok(()),
        other => Err(Violation::Seen {
            what: format!("{call} out of turn gave {}, where {standing:?} stands", short(other)),
        }),
    }
}

/// An id that looks like the hash of a record.
pub(super) fn id(n: u64) -> SharedId {
    let spread = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (u128::from(spread) << 64 | u128::from(n)).to_be_bytes()
}

pub(super) fn ids(range: std::ops::Range<u64>) -> Vec<SharedId> {
    range.map(id).collect()
}

fn first(answers: &[Option<i64>]) -> Option<(usize, i64)> {
    answers.iter().enumerate().find_map(|(n, at_ms)| at_ms.map(|at_ms| (n, at_ms)))
}

/// Long answers are cut.
fn short(answer: &impl Debug) -> String {
    format!("{answer:?}").chars().take(200).collect()
}
