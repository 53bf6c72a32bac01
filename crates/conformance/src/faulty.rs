//! Faults in front of any store.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Code, ConditionalStore, Disposition, Epoch, Error, Expired, InTurn, Member, MemberState, Nonce, Outcome,
    Put, Result, RootWrite, Settlement, SharedId, SharedIds, StoreGuarantees, Taking, Turn, Versioned,
};

/// What happens to one call that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It does not reach the store: `Retry`.
    NotReached,
    /// It is applied, its reply is lost: `Reconcile`.
    ReplyLost,
    /// It is lost, which its caller cannot know: `Reconcile`.
    Lost,
    /// The puts of a commit arrive, its root does not: `Reconcile`. As `Lost` for anything else.
    PutsOnly,
    /// A commit stays in the network until [`land_delayed`](FaultyStore::land_delayed): `Reconcile`. As `Lost` for
    /// anything else.
    Delayed,
}

/// A store behind a network with faults: by script, or `Retry` at every n-th call. Any store, a real server too; faults
/// inside a store are the memory store's own script.
#[derive(Debug)]
pub struct FaultyStore<S: ?Sized = dyn ConditionalStore> {
    inner: Arc<S>,
    script: Mutex<VecDeque<Fault>>,
    delayed: Mutex<Vec<(Vec<Put>, RootWrite)>>,
    calls: AtomicU64,
    every: u64,
}

impl<S: ?Sized> FaultyStore<S> {
    /// Faults by script alone.
    #[must_use]
    pub fn new(inner: Arc<S>) -> Self {
        Self::every(inner, 0)
    }

    /// Every n-th call but `health_check` and `attest` does not reach the store; 0 for never.
    #[must_use]
    pub fn every(inner: Arc<S>, every: u64) -> Self {
        let (script, delayed) = (Mutex::default(), Mutex::default());
        Self { inner, script, delayed, calls: AtomicU64::new(0), every }
    }

    /// Appends faults for the calls that write and follow.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.script).extend(faults);
    }

    fn passes(&self) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        match self.every > 0 && call.is_multiple_of(self.every) {
            true => Err(not_reached()),
            false => Ok(()),
        }
    }

    fn next(&self) -> Fault {
        lock(&self.script).pop_front().unwrap_or_default()
    }

    /// A call that writes, with the fault that is next.
    async fn write<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.passes()?;
        match self.next() {
            Fault::None => return call.await,
            Fault::NotReached => return Err(not_reached()),
            Fault::ReplyLost => drop(call.await?),
            Fault::Lost | Fault::PutsOnly | Fault::Delayed => {}
        }
        Err(reply_lost())
    }
}

impl<S: ConditionalStore + ?Sized> FaultyStore<S> {
    /// Sends the commits that were delayed, in their order. Returns what became of each.
    ///
    /// # Errors
    /// As the store.
    pub async fn land_delayed(&self) -> Result<Vec<Outcome>> {
        let delayed = std::mem::take(&mut *lock(&self.delayed));
        let mut outcomes = Vec::new();
        for (puts, root) in delayed {
            outcomes.push(self.inner.commit(&puts, root).await?);
        }
        Ok(outcomes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(disposition: Disposition, why: &str) -> Error {
    Error::new(Code::StoreUnavailable, disposition, why)
}

fn not_reached() -> Error {
    failed(Disposition::Retry, "the request was not sent")
}

fn reply_lost() -> Error {
    failed(Disposition::Reconcile, "the reply was lost")
}

#[async_trait]
impl<S: ConditionalStore + ?Sized> ConditionalStore for FaultyStore<S> {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.passes()?;
        self.inner.read(keys).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.passes()?;
        match self.next() {
            Fault::None => return self.inner.commit(puts, root).await,
            Fault::NotReached => return Err(not_reached()),
            Fault::ReplyLost => drop(self.inner.commit(puts, root).await?),
            Fault::PutsOnly => {
                // Under a root that nobody reads, so that the store has the puts and not the root.
                let aside = RootWrite { key: format!("{}.aside", root.key), expected: None, ..root };
                drop(self.inner.commit(puts, aside).await?);
            }
            Fault::Delayed => lock(&self.delayed).push((puts.to_vec(), root)),
            Fault::Lost => {}
        }
        Err(reply_lost())
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.write(self.inner.delete(keys)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        self.passes()?;
        self.inner.list(prefix, after, max).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.inner.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.inner.attest().await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.inner.health_check(deadline).await
    }
}

#[async_trait]
impl<S: SharedIds + ?Sized> SharedIds for FaultyStore<S> {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        self.passes()?;
        self.inner.member(member).await
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        self.passes()?;
        self.inner.members(set).await
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        self.write(self.inner.enter(member, epoch, nonce)).await
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        self.write(self.inner.take(member, turn, ids, expired_ms)).await
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        self.write(self.inner.promise(member, turn, note)).await
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        self.write(self.inner.settle(member, turn, settlement)).await
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        self.write(self.inner.leave(member)).await
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        self.write(self.inner.expire(set, until_ms)).await
    }
}
