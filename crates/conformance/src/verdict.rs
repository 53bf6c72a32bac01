//! What a case found.

/// A case that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The point of the contract holds.
    Held,
    /// The case does not apply to this implementation.
    NotRun(&'static str),
}

/// Result of a case.
pub type Verdict = Result<Checked, Violation>;

/// A point of the contract that does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Something else was seen than the contract says.
    #[error("{what}")]
    Seen {
        /// What was seen, and what should have been.
        what: String,
    },
    /// A call failed that has no reason to fail.
    #[error("{call} failed: {source}")]
    Failed {
        /// The call.
        call: &'static str,
        /// Its error.
        source: velostream_core::Error,
    },
    /// A call or the case did not end.
    #[error("{what} did not end")]
    Hangs {
        /// What did not end.
        what: &'static str,
    },
}

/// Turns the error of a call that has no reason to fail into a violation.
pub(crate) trait Must<T> {
    fn must(self, call: &'static str) -> Result<T, Violation>;
}

impl<T> Must<T> for velostream_core::Result<T> {
    fn must(self, call: &'static str) -> Result<T, Violation> {
        self.map_err(|source| Violation::Failed { call, source })
    }
}

/// Fails a case unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Violation::Seen { what: format!($($message)+) });
        }
    };
}
pub(crate) use ensure;
