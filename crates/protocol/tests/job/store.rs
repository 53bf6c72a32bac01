//! A state store in memory, as the tracker of a lane uses it: ids are positions, so that what must be known is known.

use std::collections::{BTreeMap, BTreeSet};

use velostream_core::{BatchId, Claim, Progress, SplitId};
use velostream_protocol::job::{Known, Missing, Pending, settle};

use crate::harness::{Sink, at, offset};

pub(crate) type Ids = BTreeSet<(SplitId, u64)>;

/// A batch that is not confirmed.
#[derive(Debug, Clone)]
struct Open {
    batch: BatchId,
    next: BTreeMap<SplitId, u64>,
    ids: Ids,
}

/// What is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    positions: BTreeMap<SplitId, u64>,
    ids: Ids,
    open: Option<Open>,
    last: u64,
    /// Earlier states, to one of which the store may be set back while nobody holds it.
    history: Vec<Self>,
}

impl Store {
    /// Pending, and with it the confirmation of what was pending before.
    pub(crate) fn remember(&mut self, sink: &Sink, progress: &[Progress]) {
        self.keep_history();
        self.confirm_open(sink);
        let mut open = Open { batch: self.next_batch(), next: BTreeMap::new(), ids: Ids::new() };
        for p in progress {
            let (committed, _) = sink.position(&p.split);
            open.ids.extend(sink.delivered(&p.split, committed..offset(&p.next)));
            open.next.insert(p.split.clone(), offset(&p.next));
        }
        self.open = Some(open);
    }

    pub(crate) fn confirm(&mut self, sink: &Sink) {
        self.keep_history();
        self.confirm_open(sink);
    }

    pub(crate) fn restore(&mut self, sink: &Sink, split: &SplitId, read: std::ops::Range<u64>, next: u64) {
        self.keep_history();
        let (committed, _) = sink.position(split);
        assert!(next <= committed, "ids behind what {split} has committed are restored");
        let stands = self.positions.get(split).copied().unwrap_or(0);
        let hole = sink.delivered(split, stands..next).find(|(_, o)| !read.contains(o));
        assert_eq!(hole, None, "{split}: ids are missing in front of the position");
        self.ids.extend(sink.delivered(split, read.start..read.end.min(next)));
        self.positions.insert(split.clone(), next);
    }

    /// What a new owner finds, after it has settled what was open.
    pub(crate) fn recover(&mut self, sink: &Sink, claims: &[Claim]) -> BTreeMap<SplitId, Missing> {
        let place =
            |places: &BTreeMap<SplitId, u64>| places.iter().map(|(s, o)| (s.clone(), at(s, *o))).collect();
        let open = self.open.iter().map(|open| Pending { batch: open.batch, next: place(&open.next) });
        let known = Known { positions: place(&self.positions), open: open.collect() };
        let settlement = settle(&known, claims).expect("a store that belongs to this sink");
        assert!(settlement.confirm.is_empty() || settlement.abort.is_none(), "one batch, one outcome");
        if settlement.abort.is_some() {
            self.open = None;
        }
        self.confirm_open(sink);
        let missing = settlement.lost.into_iter().map(|lost| {
            let from = lost.from.unwrap_or_else(|| at(&lost.split, 0));
            (lost.split, Missing { from, to: lost.to })
        });
        missing.collect()
    }

    /// Sets the store back, as a failover to a lagging replica or an old copy does.
    pub(crate) fn lose(&mut self, back: usize) {
        let at = self.history.len().saturating_sub(back);
        let history = std::mem::take(&mut self.history);
        let last = self.last;
        *self = history.get(at).cloned().unwrap_or_default();
        self.last = last;
        self.history = history;
    }

    /// A filter that asks this store recognises all that the sink holds of the splits that are claimed, and nothing that
    /// it does not hold. What a store lost of other splits is missed by whoever claims those.
    pub(crate) fn assert_exact(&self, sink: &Sink, claimed: &BTreeSet<SplitId>) {
        let known = self.known();
        let held: Ids = sink.committed.iter().flat_map(|(s, (end, _))| sink.delivered(s, 0..*end)).collect();
        assert!(known.is_subset(&held), "{known:?} is more than {held:?}");
        let lost = held.iter().find(|id| claimed.contains(&id.0) && !known.contains(id));
        assert_eq!(lost, None, "{known:?}");
    }

    /// Ids that are recognised.
    pub(crate) fn known(&self) -> Ids {
        let open = self.open.iter().flat_map(|open| &open.ids);
        self.ids.iter().chain(open).cloned().collect()
    }

    fn confirm_open(&mut self, sink: &Sink) {
        let Some(open) = self.open.take() else { return };
        for (split, next) in &open.next {
            let (committed, _) = sink.position(split);
            assert!(committed >= *next, "{split}: ids count that the sink has not committed");
        }
        self.ids.extend(open.ids);
        self.positions.extend(open.next);
    }

    fn keep_history(&mut self) {
        let mut now = self.clone();
        now.history = Vec::new();
        self.history.push(now);
    }

    fn next_batch(&mut self) -> BatchId {
        self.last += 1;
        BatchId(self.last)
    }
}
