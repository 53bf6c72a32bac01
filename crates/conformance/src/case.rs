//! One case of a suite.

use std::fmt;

use futures::future::BoxFuture;

use crate::{Fixture, Lie, SHARED_CASES, STORE_CASES, Verdict};

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What each call of the store answers and leaves behind.
    Contract,
    /// Who owns a task, as a ledger over the store sees it.
    Fencing,
    /// Batches and checkpoints of a ledger over the store.
    Batch,
    /// Ids that run out, and garbage.
    Expiry,
    /// Several clients at a time.
    Concurrency,
    /// Replies that are lost, requests that come late.
    Faults,
    /// Ids that several jobs take from one set.
    Shared,
}

/// One point of a contract, with the lie that it finds out.
pub struct Case<F = Fixture, L = Lie> {
    /// What it is about.
    pub group: Group,
    /// Name, a sentence.
    pub name: &'static str,
    /// The lie under which an otherwise honest implementation must fail this case.
    pub refutes: L,
    /// Runs it.
    pub run: for<'a> fn(&'a F) -> BoxFuture<'a, Verdict>,
}

impl<F, L: Copy> Clone for Case<F, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, L: Copy> Copy for Case<F, L> {}

impl<F, L: fmt::Debug> fmt::Debug for Case<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("group", &self.group)
            .field("name", &self.name)
            .field("refutes", &self.refutes)
            .finish_non_exhaustive()
    }
}

/// Group and name of every case of every contract; no name is used twice.
pub fn cases() -> impl Iterator<Item = (Group, &'static str)> {
    let shared = SHARED_CASES.iter().map(|case| (case.group, case.name));
    STORE_CASES.iter().map(|case| (case.group, case.name)).chain(shared)
}
