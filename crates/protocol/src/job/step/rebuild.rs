//! Ids that the store has lost are read from the source again before anything new is delivered.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use velostream_core::{SourcePosition, SplitId, mutant};

use super::assignment::ready;
use super::end::finish;
use crate::job::{Effect, Missing, Phase, State};

/// The store is taken over; what it has lost is known.
pub(super) fn recovered(mut state: State, missing: BTreeMap<SplitId, Missing>) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    if state.phase != Phase::Recovering {
        return (state, effects);
    }
    state.unconfirmed = false;
    if state.stopping {
        finish(&mut state, &mut effects);
    } else if missing.is_empty() || mutant!(LostIdsIgnored) {
        ready(&mut state, &mut effects);
    } else {
        effects.push(Effect::Assign(missing.iter().map(|(s, m)| (s.clone(), m.from.clone())).collect()));
        state.phase = Phase::Rebuilding(missing);
    }
    (state, effects)
}

/// Everything up to `next` was read again. A chunk may reach behind what is missing: that part is read once more, and
/// then delivered.
pub(super) fn read(mut state: State, split: &SplitId, next: SourcePosition) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    let Phase::Rebuilding(missing) = &mut state.phase else { return (state, effects) };
    let Some(stretch) = missing.get_mut(split) else { return (state, effects) };
    let done = matches!(next.order(&stretch.to), Some(Ordering::Equal | Ordering::Greater));
    let next = if done { stretch.to.clone() } else { next };
    stretch.from = next.clone();
    effects.push(Effect::Restore { split: split.clone(), next });
    if done {
        missing.remove(split);
        effects.push(Effect::Revoke(vec![split.clone()]));
        if missing.is_empty() {
            ready(&mut state, &mut effects);
        }
    }
    (state, effects)
}
