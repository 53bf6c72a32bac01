//! A member that takes and delivers over and over, half of what it takes new, so that an id that is lost or delivered
//! twice shows.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use velostream_core::{
    Disposition, Epoch, InTurn, Member, Nonce, Settlement, SharedId, SharedIds, Taking, Turn,
};
use velostream_store_redis::RedisStore;

/// Long enough for any failover on a busy machine.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// The hash tag of the set, which picks its slot.
pub(crate) const TAG: &str = "{!set}";

/// The member, and what of it was acknowledged.
#[derive(Debug)]
pub(crate) struct Takings {
    member: Member,
    turn: Turn,
    steps: u32,
    /// Attempts that failed, by what was known of them.
    pub(crate) refused: u32,
    pub(crate) unknown: u32,
}

impl Takings {
    /// Enters the set.
    pub(crate) async fn begin(store: &RedisStore) -> Result<Self> {
        let member = Member::new("set", "a")?;
        let (epoch, nonce) = (Epoch(1), Nonce(1));
        let turn = Turn { epoch, nonce, number: 1 };
        let mut takings = Self { member: member.clone(), turn, steps: 0, refused: 0, unknown: 0 };
        match takings.acknowledged(|| store.enter(&member, epoch, nonce)).await? {
            InTurn::Done(state) => takings.turn = state.turn,
            InTurn::Stale(turn) => bail!("{turn:?} stands"),
        }
        Ok(takings)
    }

    pub(crate) const fn steps(&self) -> u32 {
        self.steps
    }

    /// What the next step takes.
    pub(crate) fn next(&self) -> (Turn, Vec<SharedId>) {
        let from = u128::from(self.steps) * 5;
        (self.turn, (from..from + 10).map(|id| (id << 96 | id).to_be_bytes()).collect())
    }

    /// Takes and delivers until both are acknowledged, with the same arguments each time.
    pub(crate) async fn step(&mut self, store: &RedisStore) -> Result<()> {
        let (turn, ids) = self.next();
        let before = self.steps.checked_sub(1).map(i64::from);
        let delivered = (0..ids.len()).map(|n| if n < 5 { before } else { None }).collect();
        let total = u64::from(self.steps) * 5 + 10;
        let wanted = InTurn::Done(Taking::Taken { delivered, total });
        let member = self.member.clone();
        let taken = self.acknowledged(|| store.take(&member, turn, &ids, i64::MIN)).await?;
        ensure!(taken == wanted, "step {}: {taken:?}", self.steps);
        let note = self.steps.to_string().into();
        let settlement = Settlement::Delivered { at_ms: i64::from(self.steps), note };
        let settled = self.acknowledged(|| store.settle(&member, turn, settlement.clone())).await?;
        ensure!(settled == InTurn::Done(turn.next()), "step {}: {settled:?}", self.steps);
        (self.turn, self.steps) = (turn.next(), self.steps + 1);
        Ok(())
    }

    /// All of it is there, and nothing else.
    pub(crate) async fn check(&mut self, store: &RedisStore) -> Result<()> {
        let member = self.member.clone();
        let state = self.acknowledged(|| store.member(&member)).await?;
        let note = self.steps.checked_sub(1).map(|step| step.to_string().into());
        ensure!(state.as_ref().is_some_and(|state| state.settled == note && state.held == 0), "{state:?}");
        let left = self.acknowledged(|| store.expire("set", i64::MIN)).await?;
        let whole = u64::from(self.steps) * 5 + 5;
        ensure!((left.removed, left.left, left.oldest_ms) == (0, whole, Some(0)), "{left:?}, {whole} ids");
        Ok(())
    }

    async fn acknowledged<T, F>(&mut self, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = velostream_core::Result<T>>,
    {
        for _ in 0..ATTEMPTS {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.disposition() == Disposition::Retry => self.refused += 1,
                Err(error) if error.disposition() == Disposition::Reconcile => self.unknown += 1,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("not acknowledged in {ATTEMPTS} attempts: {self:?}")
    }
}
