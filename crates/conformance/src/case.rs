//! One case of a suite.

use futures::future::BoxFuture;

use crate::{Fixture, Lie, Verdict};

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
}

/// One point of a contract, with the lie that it finds out.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is about.
    pub group: Group,
    /// Name, a sentence.
    pub name: &'static str,
    /// The lie under which an otherwise honest store must fail this case.
    pub refutes: Lie,
    /// Runs it.
    pub run: for<'a> fn(&'a Fixture) -> BoxFuture<'a, Verdict>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("group", &self.group)
            .field("name", &self.name)
            .field("refutes", &self.refutes)
            .finish_non_exhaustive()
    }
}
