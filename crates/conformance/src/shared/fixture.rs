//! The set under test.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use velostream_core::{Epoch, Expired, InTurn, Member, MemberState, Nonce, SharedIds, Turn};

use crate::fixture::wrapped;
use crate::shared::job::Job;
use crate::verdict::Must;
use crate::wrapper::{faulty, observed, retrying};
use crate::{Case, Contract, Reopen, SHARED_CASES, SharedLie, Violation, Wrapper};

/// Shared ids under test: a store, and the name of a set in it that nobody else uses.
pub struct SharedFixture {
    store: Arc<dyn SharedIds>,
    set: String,
    reopen: Option<Reopen<dyn SharedIds>>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl SharedFixture {
    /// A fixture whose store nobody else uses.
    #[must_use]
    pub fn new(store: Arc<dyn SharedIds>) -> Self {
        Self { store, set: "case".into(), reopen: None, kept: Vec::new() }
    }

    /// Names the set of the case: for servers that several cases share. Names that begin with it are the case's too. At
    /// most 100 bytes of `[a-z0-9._-]`.
    #[must_use]
    pub fn with_set(mut self, set: impl Into<String>) -> Self {
        self.set = set.into();
        self
    }

    /// Says how to close and open the store again; it is given the last handle.
    #[must_use]
    pub fn with_reopen(mut self, reopen: Reopen<dyn SharedIds>) -> Self {
        self.reopen = Some(reopen);
        self
    }

    /// Puts something around the store, and around each that is opened after it.
    #[must_use]
    pub fn through<W>(mut self, wrap: W) -> Self
    where
        W: Fn(Arc<dyn SharedIds>) -> Arc<dyn SharedIds> + Send + Sync + 'static,
    {
        let wrap = Arc::new(wrap);
        self.store = wrap(self.store);
        self.reopen = self.reopen.map(|reopen| wrapped(reopen, wrap));
        self
    }

    /// Keeps something alive as long as the fixture, a temporary directory for example.
    #[must_use]
    pub fn keep(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn SharedIds> {
        Arc::clone(&self.store)
    }

    /// The set of this case.
    #[must_use]
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The same content behind a new handle; the fixture itself lets go of the old one.
    pub(super) async fn reopened(&self) -> Option<Self> {
        let reopen = self.reopen.as_ref()?;
        let store = reopen(self.store()).await;
        Some(Self { store, set: self.set.clone(), reopen: None, kept: Vec::new() })
    }

    /// Another set of this case.
    pub(super) fn other_set(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.set)
    }

    pub(super) fn member(&self, name: &str) -> Result<Member, Violation> {
        member(&self.set, name)
    }

    pub(super) async fn state(&self, of: &Member) -> Result<Option<MemberState>, Violation> {
        self.store.member(of).await.must("member")
    }

    pub(super) async fn members(&self, set: &str) -> Result<Vec<String>, Violation> {
        self.store.members(set).await.must("members")
    }

    pub(super) async fn entry(
        &self,
        member: &Member,
        epoch: u64,
        nonce: u64,
    ) -> Result<InTurn<MemberState>, Violation> {
        self.store.enter(member, Epoch(epoch), Nonce(nonce)).await.must("enter")
    }

    /// An entry that has no reason to be refused.
    pub(super) async fn entered(&self, member: &Member, epoch: u64, nonce: u64) -> Result<Job, Violation> {
        match self.entry(member, epoch, nonce).await? {
            InTurn::Done(state) => Ok(Job::new(self.store(), member.clone(), state.turn)),
            InTurn::Stale(turn) => Err(Violation::Seen {
                what: format!("{member} could not enter with epoch {epoch}: {turn:?} stands"),
            }),
        }
    }

    /// An owner whose entry was somewhere else.
    pub(super) fn entered_with(&self, member: &Member, turn: Turn) -> Job {
        Job::new(self.store(), member.clone(), turn)
    }

    /// A member of this set, in epoch 1.
    pub(super) async fn job(&self, name: &str) -> Result<Job, Violation> {
        self.entered(&self.member(name)?, 1, 1).await
    }

    /// A member of another set of this case, in epoch 1.
    pub(super) async fn job_in(&self, suffix: &str, name: &str) -> Result<Job, Violation> {
        self.entered(&member(&self.other_set(suffix), name)?, 1, 1).await
    }

    pub(super) async fn expire(&self, until_ms: i64) -> Result<Expired, Violation> {
        self.expire_in(&self.set, until_ms).await
    }

    pub(super) async fn expire_in(&self, set: &str, until_ms: i64) -> Result<Expired, Violation> {
        self.store.expire(set, until_ms).await.must("expire")
    }
}

pub(super) fn member(set: &str, name: &str) -> Result<Member, Violation> {
    Member::new(set, name).map_err(|error| Violation::Failed { call: "Member::new", source: error.into() })
}

impl Contract for SharedFixture {
    type Lie = SharedLie;

    const CASES: &'static [Case<Self, SharedLie>] = SHARED_CASES;

    fn behind(self, wrapper: Wrapper) -> Self {
        match wrapper {
            Wrapper::Retries => self.through(|store| retrying(store)),
            Wrapper::Metrics => self.through(|store| observed(store)),
            Wrapper::Faults => self.through(|store| faulty(store)),
        }
    }
}

impl fmt::Debug for SharedFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFixture")
            .field("store", &self.store)
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}
