//! What a new owner makes of the state store, given what the sink has committed.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use velostream_core::{BatchId, Claim, SourcePosition, SplitId, mutant};

/// A batch whose ids the store holds as pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its number in the store.
    pub batch: BatchId,
    /// Positions that it leads to, by touched split.
    pub next: BTreeMap<SplitId, SourcePosition>,
}

/// What the store says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Position up to which it has all ids, by split.
    pub positions: BTreeMap<SplitId, SourcePosition>,
    /// Batches whose outcome is open, in their order.
    pub open: Vec<Pending>,
}

/// A stretch of a split whose records the sink has committed and whose ids the store does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The split.
    pub split: SplitId,
    /// Position of the first such record; `None` where the store knows nothing of the split: its beginning.
    pub from: Option<SourcePosition>,
    /// Position that the sink has committed.
    pub to: SourcePosition,
}

/// What to do with the store before anything is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settlement {
    /// Batches that the sink has committed, in their order.
    pub confirm: Vec<BatchId>,
    /// The first batch that it has not; it and all behind it are forgotten.
    pub abort: Option<BatchId>,
    /// Ids that are lost.
    pub lost: Vec<Lost>,
}

/// A store that cannot belong to this sink: filtering by it would drop records that were never delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The split.
    pub split: SplitId,
    /// Position that the store has.
    pub store: SourcePosition,
    /// Position that the sink has committed.
    pub sink: SourcePosition,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { split, store, sink } = self;
        write!(f, "{split}: the state store has the ids up to {store}, the sink has committed up to {sink}")
    }
}

/// Settles what the store left open. The sink decides: its transaction is one unit, so a pending batch is committed
/// where every touched split that is claimed has reached the batch's position, and is not where one has not.
///
/// A batch none of whose splits is claimed is forgotten. That is safe: should the sink hold it, its ids are found lost
/// by whoever claims those splits.
///
/// # Errors
/// [`Unfit`] where the store is ahead of the sink: the sink went back, was replaced, or was emptied.
pub fn settle(known: &Known, claims: &[Claim]) -> Result<Settlement, Box<Unfit>> {
    let mut settlement = Settlement::default();
    let mut stands = known.positions.clone();
    for open in &known.open {
        if settlement.abort.is_none() && (is_committed(open, claims) || mutant!(PendingAlwaysConfirmed)) {
            settlement.confirm.push(open.batch);
            stands.extend(open.next.clone());
        } else {
            settlement.abort.get_or_insert(open.batch);
        }
    }
    for Claim { split, position, batch } in claims {
        match stands.get(split) {
            // Nothing was ever delivered of it.
            None if *batch == BatchId(0) => {}
            None => settlement.lost.push(Lost { split: split.clone(), from: None, to: position.clone() }),
            Some(has) => match has.order(position) {
                Some(Ordering::Equal) => {}
                Some(Ordering::Less) => {
                    let from = Some(has.clone());
                    settlement.lost.push(Lost { split: split.clone(), from, to: position.clone() });
                }
                Some(Ordering::Greater) | None => {
                    let (split, store, sink) = (split.clone(), has.clone(), position.clone());
                    return Err(Box::new(Unfit { split, store, sink }));
                }
            },
        }
    }
    Ok(settlement)
}

fn is_committed(open: &Pending, claims: &[Claim]) -> bool {
    let mut reached = claims.iter().filter_map(|claim| {
        let order = claim.position.order(open.next.get(&claim.split)?);
        Some(matches!(order, Some(Ordering::Equal | Ordering::Greater)))
    });
    reached.next().is_some_and(|first| first && reached.all(|reached| reached))
}
