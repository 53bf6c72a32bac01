//! Counting and timing the calls of a store.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Clock, ConditionalStore, Disposition, Epoch, Expired, InTurn, Member, MemberState, Nonce, Outcome, Put,
    Result, RootWrite, Settlement, SharedId, SharedIds, StoreGuarantees, Taking, Turn, Versioned,
};

/// A call of a store: of its tasks, or of the ids that jobs share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// `read`.
    Read,
    /// `commit`.
    Commit,
    /// `delete`.
    Delete,
    /// `list`.
    List,
    /// `attest`.
    Attest,
    /// `health_check`.
    HealthCheck,
    /// `member`.
    ReadMember,
    /// `members`.
    ListMembers,
    /// `enter`.
    Enter,
    /// `take`.
    TakeIds,
    /// `promise`.
    PromiseIds,
    /// `settle`.
    SettleIds,
    /// `leave`.
    Leave,
    /// `expire`.
    ExpireIds,
}

impl StoreCall {
    /// Its name, as metrics show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Commit => "commit",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Attest => "attest",
            Self::HealthCheck => "health_check",
            Self::ReadMember => "read_member",
            Self::ListMembers => "list_members",
            Self::Enter => "enter",
            Self::TakeIds => "take_ids",
            Self::PromiseIds => "promise_ids",
            Self::SettleIds => "settle_ids",
            Self::Leave => "leave",
            Self::ExpireIds => "expire_ids",
        }
    }
}

/// Is told of every call that ended.
pub trait StoreObserver: Debug + Send + Sync {
    /// A call took this long and succeeded (`None`; a conflict is a success), or failed. Not told of calls that were
    /// dropped.
    fn store_called(&self, call: StoreCall, took: Duration, failed: Option<Disposition>);
}

/// A store whose calls are told to an observer; changes nothing of what they say.
#[derive(Debug)]
pub struct ObservedStore<S: ?Sized> {
    clock: Arc<dyn Clock>,
    observer: Arc<dyn StoreObserver>,
    store: Arc<S>,
}

impl<S: ?Sized> ObservedStore<S> {
    /// Tells `observer`; measures with the clock's monotonic time.
    #[must_use]
    pub fn new(store: Arc<S>, clock: Arc<dyn Clock>, observer: Arc<dyn StoreObserver>) -> Self {
        Self { clock, observer, store }
    }

    async fn told<T: Send>(
        &self,
        call: StoreCall,
        answer: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let began = self.clock.monotonic();
        let answer = answer.await;
        let took = self.clock.monotonic().saturating_sub(began);
        let failed = answer.as_ref().err().map(velostream_core::Error::disposition);
        self.observer.store_called(call, took, failed);
        answer
    }
}

#[async_trait]
impl<S: ConditionalStore + ?Sized> ConditionalStore for ObservedStore<S> {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.told(StoreCall::Read, self.store.read(keys)).await
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.told(StoreCall::Commit, self.store.commit(puts, root)).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.told(StoreCall::Delete, self.store.delete(keys)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        self.told(StoreCall::List, self.store.list(prefix, after, max)).await
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.store.guarantees()
    }

    async fn attest(&self) -> Result<()> {
        self.told(StoreCall::Attest, self.store.attest()).await
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        self.told(StoreCall::HealthCheck, self.store.health_check(deadline)).await
    }
}

#[async_trait]
impl<S: SharedIds + ?Sized> SharedIds for ObservedStore<S> {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        self.told(StoreCall::ReadMember, self.store.member(member)).await
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        self.told(StoreCall::ListMembers, self.store.members(set)).await
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        self.told(StoreCall::Enter, self.store.enter(member, epoch, nonce)).await
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        self.told(StoreCall::TakeIds, self.store.take(member, turn, ids, expired_ms)).await
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        self.told(StoreCall::PromiseIds, self.store.promise(member, turn, note)).await
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        self.told(StoreCall::SettleIds, self.store.settle(member, turn, settlement)).await
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        self.told(StoreCall::Leave, self.store.leave(member)).await
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        self.told(StoreCall::ExpireIds, self.store.expire(set, until_ms)).await
    }
}
