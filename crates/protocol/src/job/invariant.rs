//! What holds in every reachable state; shared by tests, the model and debug assertions.

use std::cmp::Ordering;
use std::fmt;

use velostream_core::SplitId;

use super::{Phase, State};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A split is owned that the assignment does not give.
    OwnedNotAssigned(SplitId),
    /// A transaction touches a split that is not owned.
    TouchedNotOwned(SplitId),
    /// The ids of a split are rebuilt that is not owned.
    RebuiltNotOwned(SplitId),
    /// A position would go back without a gap of the source.
    WentBack(SplitId),
    /// A chunk of a split waits for its ids, and the split is not owned.
    OfferedNotOwned(SplitId),
    /// Splits are owned in a phase that must own none.
    OwnedInWrongPhase,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnedNotAssigned(split) => write!(f, "{split} is owned but not assigned"),
            Self::TouchedNotOwned(split) => write!(f, "{split} is written but not owned"),
            Self::RebuiltNotOwned(split) => write!(f, "the ids of {split} are rebuilt but it is not owned"),
            Self::OfferedNotOwned(split) => write!(f, "a chunk of {split} waits but it is not owned"),
            Self::WentBack(split) => write!(f, "the position of {split} would go back"),
            Self::OwnedInWrongPhase => f.write_str("splits are owned without a claim"),
        }
    }
}

/// Checks a state.
///
/// # Errors
/// The first violation found; it means a defect of [`step`](super::step).
pub fn check(state: &State) -> Result<(), Violation> {
    if let Some(split) = state.owned.keys().find(|s| !state.splits.contains(s)) {
        return Err(Violation::OwnedNotAssigned(split.clone()));
    }
    if let Some(offer) = state.offer.as_ref().filter(|offer| !state.owned.contains_key(&offer.split)) {
        return Err(Violation::OfferedNotOwned(offer.split.clone()));
    }
    let transaction = match &state.phase {
        Phase::Open(t) | Phase::Committing(t) => t,
        Phase::Ready | Phase::Recovering => return Ok(()),
        Phase::Rebuilding(missing) => {
            let foreign = missing.keys().find(|split| !state.owned.contains_key(*split));
            return foreign.map_or(Ok(()), |split| Err(Violation::RebuiltNotOwned(split.clone())));
        }
        Phase::Unassigned | Phase::Claiming | Phase::Resetting | Phase::Superseded | Phase::Stopped => {
            return if state.owned.is_empty() { Ok(()) } else { Err(Violation::OwnedInWrongPhase) };
        }
    };
    for (split, next) in &transaction.touched {
        let Some(owned) = state.owned.get(split) else {
            return Err(Violation::TouchedNotOwned(split.clone()));
        };
        if !owned.gap && !matches!(owned.committed.order(next), Some(Ordering::Less | Ordering::Equal)) {
            return Err(Violation::WentBack(split.clone()));
        }
    }
    Ok(())
}
