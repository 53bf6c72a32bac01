//! A contract as suites see it: its cases, and what may stand in front of what they check.

use std::fmt::Debug;

use crate::Case;

/// A contract, by the fixture that its cases take.
pub trait Contract: Sized + Send + 'static {
    /// The lies that its cases find out.
    type Lie: Debug + Copy + 'static;

    /// Every case.
    const CASES: &'static [Case<Self, Self::Lie>];

    /// The same implementation behind a wrapper, and whatever is opened after it.
    #[must_use]
    fn behind(self, wrapper: Wrapper) -> Self;
}

/// What may stand between a job and its store: none of it may change what the store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wrapper {
    /// [`RetryingStore`](velostream_ledger::RetryingStore).
    Retries,
    /// [`ObservedStore`](velostream_ledger::ObservedStore).
    Metrics,
    /// [`RetryingStore`](velostream_ledger::RetryingStore), and a network in which every third request does not reach the
    /// store.
    Faults,
}

impl Wrapper {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Retries, Self::Metrics, Self::Faults];

    /// Its name in the names of tests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retries => "through_retries",
            Self::Metrics => "through_metrics",
            Self::Faults => "through_faults",
        }
    }
}
