//! Shared ids of a store against the model: the same calls on both, and the same answers.

use std::fmt::Debug;

use anyhow::{Result, ensure};
use velostream_core::{Epoch, InTurn, Member, Nonce, Settlement, SharedId, SharedIds, Taking, Turn};

use crate::load::Random;

/// Members of each set; few, so that they want the same ids.
const MEMBERS: u64 = 3;
/// Ids that are asked for.
const IDS: u64 = 60;
/// Times, in milliseconds.
const TIMES: u64 = 50;

/// Makes `calls` calls in an order that the seed gives, on two sets whose names begin with `set`.
///
/// # Errors
/// When the store fails, or answers otherwise than the model.
pub async fn answers_as_the_model(
    store: &dyn SharedIds,
    model: &dyn SharedIds,
    set: &str,
    seed: u64,
    calls: u32,
) -> Result<()> {
    let mut side = Pair { store, model, random: Random::new(seed, 0), turns: Vec::new() };
    for number in 0..calls {
        let set = format!("{set}-{}", side.random.below(2));
        side.call(&set).await.map_err(|error| error.context(format!("seed {seed}, call {number}")))?;
    }
    Ok(())
}

/// Takes, settles and expires `count` ids at a time.
///
/// # Errors
/// As [`answers_as_the_model`].
pub async fn answers_as_the_model_to_many_ids(
    store: &dyn SharedIds,
    model: &dyn SharedIds,
    set: &str,
    count: usize,
) -> Result<()> {
    let mut pair = Pair { store, model, random: Random::new(1, 1), turns: Vec::new() };
    let (first, second) = (Member::new(set, "first")?, Member::new(set, "second")?);
    let ids: Vec<SharedId> = (0..count).map(|_| pair.id(u64::MAX)).collect();
    let (mut turn, other) = (pair.enter(&first).await?, pair.enter(&second).await?);
    pair.take(&first, turn, &ids, 0).await?;
    pair.take(&second, other, &ids, 0).await?;
    turn = pair.settle(&first, turn, Settlement::Released).await?;
    for at_ms in [1_700_000_000_000, 1_800_000_000_001] {
        let delivered = Settlement::Delivered { at_ms, note: "note".into() };
        pair.take(&first, turn, &ids, 1_700_000_000_000).await?;
        pair.take(&second, other, &ids, 0).await?;
        turn = pair.settle(&first, turn, delivered).await?;
        let taken = pair.take(&second, other, &ids, 0).await?;
        let whole = vec![Some(at_ms); count];
        ensure!(
            matches!(&taken, InTurn::Done(Taking::Taken { delivered, .. }) if *delivered == whole),
            "{taken:?}"
        );
    }
    pair.expire(set, 1_800_000_000_000).await?;
    pair.expire(set, 1_800_000_000_001).await
}

/// A store and its model.
struct Pair<'a> {
    store: &'a dyn SharedIds,
    model: &'a dyn SharedIds,
    random: Random,
    /// Turns that have stood; calls of those that do no longer are part of the test.
    turns: Vec<(Member, Turn)>,
}

impl Pair<'_> {
    async fn call(&mut self, set: &str) -> Result<()> {
        let member = Member::new(set, &format!("m-{}", self.random.below(MEMBERS)))?;
        let turn = self.some_turn(&member);
        match self.random.below(20) {
            0 | 1 => {
                self.enter(&member).await?;
            }
            2 => {
                same(&member, self.store.member(&member).await?, self.model.member(&member).await?)?;
            }
            3 => drop(same(set, self.store.members(set).await?, self.model.members(set).await?)?),
            4 => {
                let note = self.note();
                let asked = self.store.promise(&member, turn, note.clone()).await?;
                same(&member, asked, self.model.promise(&member, turn, note).await?)?;
            }
            5..8 => {
                let delivered = Settlement::Delivered { at_ms: self.time(), note: self.note() };
                self.settle(&member, turn, delivered).await?;
            }
            8 | 9 => {
                self.settle(&member, turn, Settlement::Released).await?;
            }
            10 if self.random.one_in(3) => {
                self.store.leave(&member).await?;
                self.model.leave(&member).await?;
            }
            11 => {
                let until_ms = self.bound();
                self.expire(set, until_ms).await?;
            }
            _ => {
                let count = self.random.index(6);
                let ids: Vec<SharedId> = (0..count).map(|_| self.id(IDS)).collect();
                let expired_ms = self.bound();
                drop(self.take(&member, turn, &ids, expired_ms).await?);
            }
        }
        same(&member, self.store.member(&member).await?, self.model.member(&member).await?)?;
        Ok(())
    }

    async fn enter(&mut self, member: &Member) -> Result<Turn> {
        let (epoch, nonce) = (Epoch(u64::MAX - 3 + self.random.below(4)), Nonce(self.random.below(2)));
        let entered = self.store.enter(member, epoch, nonce).await?;
        let entered = same(member, entered, self.model.enter(member, epoch, nonce).await?)?;
        let turn = match entered {
            InTurn::Done(state) => state.turn,
            InTurn::Stale(turn) => turn.unwrap_or(Turn { epoch, nonce, number: 1 }),
        };
        self.turns.push((member.clone(), turn));
        Ok(turn)
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let taken = self.store.take(member, turn, ids, expired_ms).await?;
        same(member, taken, self.model.take(member, turn, ids, expired_ms).await?)
    }

    async fn settle(&mut self, member: &Member, turn: Turn, settlement: Settlement) -> Result<Turn> {
        let settled = self.store.settle(member, turn, settlement.clone()).await?;
        let settled = same(member, settled, self.model.settle(member, turn, settlement).await?)?;
        if let InTurn::Done(next) = settled {
            self.turns.push((member.clone(), next));
        }
        Ok(turn.next())
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<()> {
        same(set, self.store.expire(set, until_ms).await?, self.model.expire(set, until_ms).await?).map(drop)
    }

    /// Most often the one that stands.
    fn some_turn(&mut self, member: &Member) -> Turn {
        let back = if self.random.one_in(5) { self.random.index(4) } else { 0 };
        let known = self.turns.iter().rev().filter(|(of, _)| of == member).nth(back);
        known.map_or(Turn { epoch: Epoch(1), nonce: Nonce(1), number: 1 }, |(_, turn)| *turn)
    }

    /// Bytes that a text could not have, one of `many`.
    fn id(&mut self, many: u64) -> SharedId {
        let number = Random::new(self.random.below(many), 2).next();
        match number % 3 {
            0 if many < 256 => [u8::try_from(number % 256).unwrap_or_default(); 16],
            _ => (u128::from(number) << 64 | u128::from(number)).to_be_bytes(),
        }
    }

    fn time(&mut self) -> i64 {
        i64::try_from(self.random.below(TIMES)).unwrap_or_default()
    }

    fn bound(&mut self) -> i64 {
        match self.random.below(10) {
            0 => i64::MAX,
            1..5 => i64::MIN,
            _ => self.time(),
        }
    }

    /// Empty at times: no note is something else.
    fn note(&mut self) -> bytes::Bytes {
        let length = self.random.index(3);
        vec![0xff; length].into()
    }
}

fn same<T: PartialEq + Debug>(of: impl Debug, answer: T, model: T) -> Result<T> {
    ensure!(answer == model, "{of:?}: the store answers\n{answer:?}\nand the model\n{model:?}");
    Ok(answer)
}
