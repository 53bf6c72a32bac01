//! Lies about who owns a member, and about settlements.

use bytes::Bytes;
use velostream_core::{Epoch, InTurn, Member, MemberState, Nonce, Result, Settlement, Turn};

use super::{LyingIds, refused};
use crate::SharedLie;

impl LyingIds {
    /// The turn that a call of `turn` is let in with.
    pub(super) async fn admitted(&self, member: &Member, turn: Turn) -> Result<Turn> {
        let Some(standing) = self.honest.member(member).await?.map(|state| state.turn) else {
            if self.lie != SharedLie::AdmitsUnknown {
                return Ok(turn);
            }
            drop(self.honest.enter(member, turn.epoch, turn.nonce).await?);
            return Ok(Turn { number: 1, ..turn });
        };
        let same = Turn {
            epoch: if self.lie == SharedLie::IgnoresEpochs { standing.epoch } else { turn.epoch },
            nonce: if self.lie == SharedLie::IgnoresNonces { standing.nonce } else { turn.nonce },
            number: if self.lie == SharedLie::IgnoresNumbers { standing.number } else { turn.number },
        };
        Ok(if self.lie == SharedLie::IgnoresTurns { standing } else { same })
    }

    pub(super) fn muted<T>(&self, answer: InTurn<T>) -> InTurn<T> {
        match answer {
            InTurn::Stale(_) if self.lie == SharedLie::StaleIsMute => InTurn::Stale(None),
            answer => answer,
        }
    }

    pub(super) async fn lying_enter(
        &self,
        member: &Member,
        epoch: Epoch,
        nonce: Nonce,
    ) -> Result<InTurn<MemberState>> {
        // As a double rounds down.
        let rounded = |number: u64| if number > 1 << 53 { number & !0x7ff } else { number };
        let (epoch, nonce) = match self.lie {
            SharedLie::RoundsNumbers => (Epoch(rounded(epoch.0)), Nonce(rounded(nonce.0))),
            _ => (epoch, nonce),
        };
        let before = self.honest.member(member).await?;
        match (self.lie, &before) {
            (SharedLie::BuriesMembers, _) if self.memory().left.contains(member) => {
                return Ok(InTurn::Stale(None));
            }
            (SharedLie::ComparesAsText, Some(state))
                if epoch.0.to_string() < state.turn.epoch.0.to_string() =>
            {
                return Ok(InTurn::Stale(Some(state.turn)));
            }
            (SharedLie::EntryKeepsTheTurn, Some(state))
                if (epoch, nonce) == (state.turn.epoch, state.turn.nonce) =>
            {
                return Ok(InTurn::Done(state.clone()));
            }
            _ => {}
        }
        let mut answer = self.honest.enter(member, epoch, nonce).await?;
        match (self.lie, &mut answer) {
            (SharedLie::LowerEpochEnters, InTurn::Stale(Some(turn))) if epoch < turn.epoch => {
                self.honest.leave(member).await?;
                answer = self.honest.enter(member, epoch, nonce).await?;
            }
            (SharedLie::SecondEnters, InTurn::Stale(Some(turn))) if epoch == turn.epoch => {
                self.honest.leave(member).await?;
                answer = self.honest.enter(member, epoch, nonce).await?;
            }
            (SharedLie::EntryReleases, InTurn::Done(state)) => {
                self.honest.settle(member, state.turn, Settlement::Released).await?;
                state.turn = state.turn.next();
                (state.held, state.promised) = (0, None);
            }
            (SharedLie::EntryIsMute, InTurn::Done(state)) => (state.held, state.promised) = (0, None),
            (SharedLie::EntryCountsOthers, InTurn::Done(state)) => {
                let held = self.memory().holders.keys().filter(|(set, _)| set == member.set()).count();
                state.held = u64::try_from(held).unwrap_or(u64::MAX);
            }
            _ => {}
        }
        Ok(answer)
    }

    /// Settles what all members of a set hold, but one.
    pub(super) async fn settle_all(
        &self,
        set: &str,
        but: Option<&Member>,
        settlement: &Settlement,
    ) -> Result<()> {
        let turns = self.memory().turns.clone();
        for member in turns.keys().filter(|member| member.set() == set && Some(*member) != but) {
            if let Some(state) = self.honest.member(member).await? {
                self.honest.settle(member, state.turn, settlement.clone()).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn lying_settle(
        &self,
        member: &Member,
        turn: Turn,
        settlement: Settlement,
    ) -> Result<InTurn<Turn>> {
        let before = self.honest.member(member).await?;
        let fits = before.as_ref().is_some_and(|state| state.turn == turn);
        let repeated = before.as_ref().is_some_and(|state| state.turn == turn.next());
        let nothing = before.as_ref().is_some_and(|state| state.held == 0);
        let settlement = match (self.lie, settlement) {
            (SharedLie::DeliversReleased, Settlement::Released) => {
                Settlement::Delivered { at_ms: 4_000_000_000_000, note: Bytes::new() }
            }
            (SharedLie::RoundsTimes, Settlement::Delivered { at_ms, note }) => {
                Settlement::Delivered { at_ms: at_ms - at_ms % 1000, note }
            }
            (SharedLie::NeedsHeldIds, Settlement::Delivered { .. }) if nothing => Settlement::Released,
            (_, settlement) => settlement,
        };
        match self.lie {
            SharedLie::SettlesAgain if repeated => {
                self.honest.settle(member, turn.next(), settlement).await?;
                return Ok(InTurn::Done(turn.next()));
            }
            SharedLie::SettlesForAll if fits => {
                self.settle_all(member.set(), Some(member), &settlement).await?;
            }
            SharedLie::SettlesTheLastTaking if fits => {
                let last = self.memory().last.get(member).cloned().unwrap_or_default();
                self.honest.settle(member, turn, Settlement::Released).await?;
                drop(self.honest.take(member, turn.next(), &last, i64::MIN).await?);
                return self.honest.settle(member, turn.next(), settlement).await;
            }
            _ => {}
        }
        let answer = self.honest.settle(member, turn, settlement.clone()).await?;
        if let (true, InTurn::Done(next)) = (fits, answer) {
            self.note_settled(member, next, &settlement);
            let promised = before.and_then(|state| state.promised);
            if let (SharedLie::KeepsPromises, Some(note)) = (self.lie, promised) {
                self.honest.promise(member, next, note).await?;
            }
            if self.lie == SharedLie::AnswersTheOldTurn {
                return Ok(InTurn::Done(turn));
            }
        }
        Ok(answer)
    }

    fn note_settled(&self, member: &Member, next: Turn, settlement: &Settlement) {
        let mut memory = self.memory();
        match settlement {
            Settlement::Delivered { at_ms, .. } => {
                memory.settle(member, Some(*at_ms));
                memory.settled.insert(member.clone(), next);
                memory.released.remove(member);
            }
            Settlement::Released => {
                memory.settle(member, None);
                memory.released.insert(member.clone());
            }
        }
    }

    pub(super) async fn lying_leave(&self, member: &Member) -> Result<()> {
        let standing = self.honest.member(member).await?.map(|state| state.turn);
        match (self.lie, standing) {
            (SharedLie::NeverLeaves, _) => return Ok(()),
            (SharedLie::LeaveNeedsMember, None) => return Err(refused("the member is unknown")),
            (SharedLie::LeaveOnlyReleases, Some(turn)) => {
                return self.honest.settle(member, turn, Settlement::Released).await.map(drop);
            }
            (SharedLie::SettlesForAll, _) => {
                self.settle_all(member.set(), Some(member), &Settlement::Released).await?;
            }
            _ => {}
        }
        self.honest.leave(member).await?;
        self.memory().settle(member, None);
        self.memory().left.insert(member.clone());
        if self.lie == SharedLie::LeaveForgetsDelivered {
            self.honest.expire(member.set(), i64::MAX).await?;
        }
        Ok(())
    }
}
