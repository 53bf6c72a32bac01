//! One case of a suite.

use futures::future::BoxFuture;

use crate::{Fixture, Lie, Verdict};

/// One point of a contract, with the lie that it finds out.
#[derive(Clone, Copy)]
pub struct Case {
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
            .field("name", &self.name)
            .field("refutes", &self.refutes)
            .finish_non_exhaustive()
    }
}
