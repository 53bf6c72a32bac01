//! Whether what several clients saw of one root could have happened one call after the other.

use std::collections::BTreeMap;

use velostream_core::{RootVersion, Versioned};

use crate::Violation;
use crate::verdict::ensure;

/// A value with its version; no two writes of a history write one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) version: RootVersion,
    pub(super) value: u64,
}

impl Seen {
    pub(super) fn of(found: Versioned) -> Self {
        Self { version: found.version, value: super::number(&found.value) }
    }
}

/// What one call saw, and when: ticks of a counter that all clients share, before the call and after it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A read, or a conflict, saw this.
    Read(Option<Seen>),
    /// A commit replaced one value by another.
    Wrote { over: Option<Seen>, wrote: Seen },
}

/// All writes are compare-and-set, so that their order is known: each names its predecessor. That makes the general
/// search for an order of the calls unnecessary. There is one exactly where the writes form a chain, and no call sees
/// an earlier place of the chain than a call that ended before it began, nor a write that began after it had ended.
#[derive(Debug)]
pub(super) struct History(pub(super) Vec<Event>);

impl History {
    /// The writes in their order.
    pub(super) fn chain(&self) -> Result<Vec<(&Event, Seen)>, Violation> {
        let mut after: BTreeMap<Option<Seen>, Vec<(&Event, Seen)>> = BTreeMap::new();
        for event in &self.0 {
            if let What::Wrote { over, wrote } = event.what {
                after.entry(over).or_default().push((event, wrote));
            }
        }
        let (writes, mut chain, mut at) = (after.values().map(Vec::len).sum::<usize>(), Vec::new(), None);
        while let Some(next) = after.remove(&at) {
            let [write] = next[..] else {
                let what = format!("{} commits replaced one version, {at:?}", next.len());
                return Err(Violation::Seen { what });
            };
            chain.push(write);
            at = Some(write.1);
        }
        ensure!(chain.len() == writes, "{} of {writes} commits follow each other", chain.len());
        Ok(chain)
    }

    /// # Errors
    /// Where no order of the calls explains what they saw.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let chain = self.chain()?;
        // Place 0 is in front of the first write; place n shows the n-th.
        let places: BTreeMap<Seen, usize> =
            chain.iter().zip(1..).map(|((_, seen), at)| (*seen, at)).collect();
        let mut ended = Vec::with_capacity(self.0.len());
        for event in &self.0 {
            let (What::Read(seen) | What::Wrote { wrote: _, over: seen }) = event.what;
            let saw = match seen {
                None => 0,
                Some(seen) => *places
                    .get(&seen)
                    .ok_or_else(|| Violation::Seen { what: format!("{event:?} saw what nobody wrote") })?,
            };
            let seen_write = saw.checked_sub(1).and_then(|at| chain.get(at));
            if let Some((write, _)) = seen_write {
                ensure!(write.began < event.ended, "{event:?} saw a write that began later: {write:?}");
            }
            let own = usize::from(matches!(event.what, What::Wrote { .. }));
            ended.push((event.ended, saw.saturating_add(own)));
        }
        let places: Vec<usize> = ended.iter().map(|(_, place)| *place).collect();
        ended.sort_unstable();
        // The furthest place that was seen by then.
        let mut furthest = 0;
        for (_, place) in &mut ended {
            furthest = furthest.max(*place);
            *place = furthest;
        }
        for (event, place) in self.0.iter().zip(places) {
            let before = ended.partition_point(|(at, _)| *at < event.began);
            let known = before.checked_sub(1).and_then(|at| ended.get(at)).map_or(0, |(_, place)| *place);
            ensure!(place >= known, "{event:?} saw place {place} of the chain, {known} had been seen before");
            let is_write = matches!(event.what, What::Wrote { .. });
            ensure!(!is_write || place > known, "{event:?} wrote place {place}, which had been seen before");
        }
        Ok(())
    }
}
