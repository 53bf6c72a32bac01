//! Lies about takings.

use std::collections::BTreeSet;
use std::time::Duration;

use velostream_core::{InTurn, Member, Result, SharedId, Taking, Turn};

use super::LyingIds;
use crate::SharedLie;

impl LyingIds {
    fn id(&self, id: &SharedId) -> SharedId {
        let mut id = *id;
        match self.lie {
            SharedLie::FoldsIds => id.iter_mut().for_each(|byte| *byte &= 0x7f),
            SharedLie::CutsIds => id.iter_mut().skip(15).for_each(|byte| *byte = 0),
            SharedLie::EndsIdsAtZero => {
                id.iter_mut().skip_while(|byte| **byte != 0).for_each(|byte| *byte = 0);
            }
            _ => {}
        }
        id
    }

    pub(super) async fn lying_take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let mut ids: Vec<SharedId> = ids.iter().map(|id| self.id(id)).collect();
        let expired_ms = match self.lie {
            SharedLie::RetakesDelivered => i64::MAX,
            SharedLie::KeepsTheMoment => expired_ms.saturating_sub(1),
            SharedLie::ExpiresEarly => expired_ms.saturating_add(1),
            _ => expired_ms,
        };
        let asked = ids.len();
        match self.lie {
            SharedLie::AnswersOnce => {
                let mut seen = BTreeSet::new();
                ids.retain(|id| seen.insert(*id));
            }
            SharedLie::AnswersSorted => ids.sort_unstable(),
            SharedLie::CutsTakings => ids.truncate(1000),
            SharedLie::ForgetsOwnHold if self.holds_some(member, &ids) => {
                return Ok(InTurn::Done(Taking::Held { by: member.name().to_owned() }));
            }
            SharedLie::TakesInParts => self.first_parts(member, turn, &ids, expired_ms).await?,
            _ => {}
        }
        let free = self.lie == SharedLie::ComparesThenTakes && self.are_free(member, &ids);
        if free {
            // Long enough for every racer to have compared.
            drop(tokio::time::timeout(Duration::from_millis(2), std::future::pending::<()>()).await);
        }
        let answer = self.honest.take(member, turn, &ids, expired_ms).await?;
        self.remember(member, &ids, &answer);
        Ok(match answer {
            InTurn::Done(Taking::Held { .. }) if free || self.lie == SharedLie::HandsOutTwice => {
                InTurn::Done(Taking::Taken { delivered: vec![None; ids.len()], total: 0 })
            }
            InTurn::Done(Taking::Held { .. }) if self.lie == SharedLie::NamesTheAsker => {
                InTurn::Done(Taking::Held { by: member.name().to_owned() })
            }
            InTurn::Done(Taking::Taken { delivered, total }) => {
                let (delivered, total) = self.told(member, &ids, asked, expired_ms, delivered, total);
                InTurn::Done(Taking::Taken { delivered, total })
            }
            answer => answer,
        })
    }

    /// All but the last part; what is held by then stays so.
    async fn first_parts(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<()> {
        for part in ids.chunks((ids.len() / 8).max(1)) {
            let answer = self.honest.take(member, turn, part, expired_ms).await?;
            if !matches!(answer, InTurn::Done(Taking::Taken { .. })) {
                break;
            }
        }
        Ok(())
    }

    fn holds_some(&self, member: &Member, ids: &[SharedId]) -> bool {
        let memory = self.memory();
        let own = |id: &SharedId| memory.holders.get(&(member.set().to_owned(), *id));
        ids.iter().any(|id| own(id).is_some_and(|by| by == member.name()))
    }

    fn are_free(&self, member: &Member, ids: &[SharedId]) -> bool {
        let memory = self.memory();
        !ids.iter().any(|id| memory.holders.contains_key(&(member.set().to_owned(), *id)))
    }

    fn remember(&self, member: &Member, ids: &[SharedId], answer: &InTurn<Taking>) {
        let InTurn::Done(Taking::Taken { delivered, .. }) = answer else { return };
        let mut memory = self.memory();
        for (id, _) in ids.iter().zip(delivered).filter(|(_, at_ms)| at_ms.is_none()) {
            memory.holders.insert((member.set().to_owned(), *id), member.name().to_owned());
        }
        memory.last.insert(member.clone(), ids.to_vec());
        let asked = memory.asked.entry(member.clone()).or_default();
        *asked = asked.saturating_add(u64::try_from(ids.len()).unwrap_or(u64::MAX));
    }

    /// What is told of a taking that was whole.
    fn told(
        &self,
        member: &Member,
        ids: &[SharedId],
        asked: usize,
        expired_ms: i64,
        mut delivered: Vec<Option<i64>>,
        mut total: u64,
    ) -> (Vec<Option<i64>>, u64) {
        let mut memory = self.memory();
        match self.lie {
            SharedLie::InventsAnswers => delivered.push(None),
            SharedLie::CutsTakings => delivered.resize(asked, None),
            SharedLie::SumsTotals => {
                total = memory.total.saturating_add(u64::try_from(ids.len()).unwrap_or(u64::MAX));
            }
            SharedLie::TotalNeverFalls => total = memory.total.max(total),
            SharedLie::RemembersOldTimes => {
                for (id, found) in ids.iter().zip(&mut delivered) {
                    let old = memory.times.get(&(member.set().to_owned(), *id)).copied();
                    *found = found.or_else(|| old.filter(|at_ms| *at_ms > expired_ms));
                }
            }
            _ => {}
        }
        memory.total = total;
        (delivered, total)
    }
}
