//! Trying again what is certain not to have been applied.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Clock, ConditionalStore, Disposition, Epoch, Expired, InTurn, Member, MemberState, Nonce, Outcome, Put,
    Result, RootWrite, Settlement, SharedId, SharedIds, StoreGuarantees, Taking, Turn, Versioned,
};

/// How often and how long a [`RetryingStore`] tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls altogether, the first included; 0 counts as 1.
    pub attempts: u32,
    /// Longest pause after the first failure; it doubles with each failure that follows.
    pub base: Duration,
    /// Longest pause at all.
    pub max: Duration,
}

impl Default for RetryPolicy {
    /// Four attempts within half a second: bridges a connection that is opened anew. What takes longer is for the
    /// caller's own backoff, which also notices that the job has to stop.
    fn default() -> Self {
        Self { attempts: 4, base: Duration::from_millis(50), max: Duration::from_millis(250) }
    }
}

impl RetryPolicy {
    /// Pause after a failure, the first being 1: between half and the whole of its step, spread by `seed`, so that
    /// workers that failed together do not come back together.
    #[must_use]
    pub fn pause(&self, failure: u32, seed: u64) -> Duration {
        let factor = 1_u32.checked_shl(failure.saturating_sub(1)).unwrap_or(u32::MAX);
        let half = self.base.saturating_mul(factor).min(self.max) / 2;
        let mixed = (seed ^ u64::from(failure)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        half + half.mul_f64(f64::from(u32::try_from(mixed).unwrap_or(0)) / f64::from(u32::MAX))
    }
}

/// A store whose calls are tried again after [`Retry`](Disposition::Retry), and after nothing else: a lost reply
/// ([`Reconcile`](Disposition::Reconcile)) is for the ledger, which reads what became of it. Ids that jobs share too, where
/// the store has them.
///
/// Not for the data path of a job, where the driver is the one that waits; for claims at the start, tools, and whoever
/// calls a store without a driver.
///
/// # Crash safety
/// That of the store: an attempt follows only where the one in front of it was certainly not applied.
#[derive(Debug)]
pub struct RetryingStore<S: ?Sized> {
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
    failures: AtomicU64,
    store: Arc<S>,
}

impl<S: ?Sized> RetryingStore<S> {
    /// Tries again as the policy says; waits by the clock.
    #[must_use]
    pub fn new(store: Arc<S>, clock: Arc<dyn Clock>, policy: RetryPolicy) -> Self {
        Self { clock, policy, failures: AtomicU64::new(0), store }
    }

    /// Failed attempts so far, whether another one followed or not.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Waits before the attempt that follows; an error where none does.
    async fn failed(&self, failure: u32, error: velostream_core::Error) -> Result<()> {
        if error.disposition() != Disposition::Retry {
            return Err(error);
        }
        let seed = self.failures.fetch_add(1, Ordering::Relaxed);
        if failure >= self.policy.attempts {
            return Err(error);
        }
        self.clock.sleep(self.policy.pause(failure, seed)).await;
        Ok(())
    }
}

/// Makes a call until it succeeds, fails with anything but `Retry`, or was made often enough.
macro_rules! retried {
    ($self:ident, $call:expr) => {{
        let mut failure = 0_u32;
        loop {
            match $call.await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    failure = failure.saturating_add(1);
                    $self.failed(failure, error).await?;
                }
            }
        }
    }};
}

#[async_trait]
impl<S: ConditionalStore + ?Sized> ConditionalStore for RetryingStore<S> {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        retried!(self, self.store.read(keys))
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        retried!(self, self.store.commit(puts, root.clone()))
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        retried!(self, self.store.delete(keys))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        retried!(self, self.store.list(prefix, after, max))
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        retried!(self, self.store.attest())
    }

    /// Once: its deadline is the caller's, and its answer is about now.
    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.store.health_check(deadline).await
    }
}

#[async_trait]
impl<S: SharedIds + ?Sized> SharedIds for RetryingStore<S> {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        retried!(self, self.store.member(member))
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        retried!(self, self.store.members(set))
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        retried!(self, self.store.enter(member, epoch, nonce))
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        retried!(self, self.store.take(member, turn, ids, expired_ms))
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        retried!(self, self.store.promise(member, turn, note.clone()))
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        retried!(self, self.store.settle(member, turn, settlement.clone()))
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        retried!(self, self.store.leave(member))
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        retried!(self, self.store.expire(set, until_ms))
    }
}
