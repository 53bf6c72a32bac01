//! A small model of its own: the filter for aborted data, and the filter that goes by the producer id alone.

use stateright::{Checker, HasDiscoveries, Model, Property};
use velostream_protocol::kafka_lane::{AbortedFilter, BatchKind, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Batch {
    Data(i64),
    End { producer: i64, commit: bool },
}

#[derive(Debug, Clone, Copy)]
enum Filter {
    /// The real one.
    Right,
    /// Drops whatever a producer of the aborted list wrote from that first offset on.
    ByProducerId,
}

#[derive(Debug, Clone)]
struct Reading {
    filter: Filter,
    /// Longest log.
    batches: usize,
}

const DELIVERED: &str = "a reader is given what was committed and nothing else";

impl Reading {
    /// The end of the transaction of the batch at `at`.
    fn end(log: &[Batch], at: usize, producer: i64) -> Option<(usize, bool)> {
        (at..log.len()).find_map(|i| match log[i] {
            Batch::End { producer: p, commit } if p == producer => Some((i, commit)),
            _ => None,
        })
    }

    /// Aborted transactions that reach into what lies between `from` and `to`, as the broker lists them.
    fn aborted(log: &[Batch], from: usize, to: usize) -> Vec<(i64, i64)> {
        let mut first = std::collections::BTreeMap::new();
        let mut aborted = Vec::new();
        for (at, batch) in log.iter().enumerate() {
            match batch {
                Batch::Data(p) => {
                    first.entry(*p).or_insert(at);
                }
                Batch::End { producer, commit } => {
                    if let Some(first) = first.remove(producer)
                        && !commit
                        && at >= from
                        && first < to
                    {
                        aborted.push((*producer, i64::try_from(first).expect("a short log")));
                    }
                }
            }
        }
        aborted
    }

    fn delivers_the_truth(&self, log: &[Batch]) -> bool {
        let open = |at: &usize| matches!(log[*at], Batch::Data(p) if Self::end(log, *at, p).is_none());
        let stable = (0..log.len()).find(open).unwrap_or(log.len());
        (0..stable).all(|from| {
            let aborted = Self::aborted(log, from, stable);
            let mut filter = AbortedFilter::new(aborted.iter().copied());
            (from..stable).all(|at| {
                let offset = i64::try_from(at).expect("a short log");
                let (kind, truth) = match log[at] {
                    Batch::Data(producer_id) => {
                        let committed = Self::end(log, at, producer_id).is_some_and(|(_, commit)| commit);
                        (BatchKind::Transactional { producer_id }, committed)
                    }
                    Batch::End { producer, commit: false } => {
                        (BatchKind::AbortMarker { producer_id: producer }, false)
                    }
                    Batch::End { .. } => (BatchKind::OtherControl, false),
                };
                let given = match (self.filter, log[at]) {
                    (Filter::Right, _) => filter.judge(offset, kind) == Verdict::Deliver,
                    (Filter::ByProducerId, Batch::Data(p)) => {
                        !aborted.iter().any(|(producer, first)| *producer == p && *first <= offset)
                    }
                    (Filter::ByProducerId, Batch::End { .. }) => false,
                };
                given == truth
            })
        })
    }
}

impl Model for Reading {
    type State = Vec<Batch>;
    type Action = Batch;

    fn init_states(&self) -> Vec<Vec<Batch>> {
        vec![Vec::new()]
    }

    fn actions(&self, log: &Vec<Batch>, actions: &mut Vec<Batch>) {
        if log.len() < self.batches {
            for producer in [1, 2] {
                actions.push(Batch::Data(producer));
                actions.extend([true, false].map(|commit| Batch::End { producer, commit }));
            }
        }
    }

    fn next_state(&self, log: &Vec<Batch>, batch: Batch) -> Option<Vec<Batch>> {
        Some([log.as_slice(), &[batch]].concat())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(DELIVERED, |m: &Self, log: &Vec<Batch>| m.delivers_the_truth(log))]
    }
}

#[test]
fn aborted_filter_holds_for_every_log_of_two_producers() {
    let checker = Reading { filter: Filter::Right, batches: 7 }.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    println!("holds: aborted filter: {} unique states", checker.unique_state_count());
}

#[test]
fn aborted_filter_by_producer_id_alone_is_refuted() {
    let checker = Reading { filter: Filter::ByProducerId, batches: 7 }
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let log = checker.assert_any_discovery(DELIVERED).into_actions();
    println!("refuted: aborted filter by producer id alone: {log:?}");
}
