//! Small models of their own, about liveness: fencing must end, and must let a healthy lane work.

use std::collections::{BTreeMap, BTreeSet};

use velostream_protocol::kafka_lane::{Barrier, JournalEntry};

use super::coordinator::{Answer, PARTS, Part, Transactions};

/// A healthy lane, and another one that once fenced its transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Race {
    transactions: Transactions,
    /// Identity of the healthy lane, while it believes in it.
    identity: Option<velostream_protocol::kafka_lane::Identity>,
    open: bool,
    fencing: bool,
    committed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Lane,
    Fencer,
    Coordinator,
}

impl Race {
    fn new() -> Self {
        Self {
            transactions: Transactions::new(0),
            identity: None,
            open: false,
            fencing: true,
            committed: false,
        }
    }

    /// One step of one party; `None` where it has nothing to do.
    fn step(&self, turn: Turn, once: bool) -> Option<Self> {
        let mut next = self.clone();
        match turn {
            Turn::Coordinator => PARTS.iter().find_map(|p| next.transactions.take_marker(*p)).map(drop)?,
            Turn::Fencer if !self.fencing => return None,
            Turn::Fencer => {
                let answer = next.transactions.init();
                next.fencing = !once && answer == Answer::ComeAgain;
            }
            Turn::Lane => next.work(),
        }
        (next != *self).then_some(next)
    }

    /// A new identity, a batch, the end; refused means a new identity.
    fn work(&mut self) {
        let Some(identity) = self.identity else {
            if let Answer::Done(identity) = self.transactions.init() {
                self.identity = Some(identity);
            }
            return;
        };
        let answer = if self.open {
            self.transactions.end(identity, true, false)
        } else {
            self.transactions.add(identity, Part::Data)
        };
        match answer {
            Answer::Done(_) if self.open => self.committed = true,
            Answer::Done(_) => self.open = true,
            Answer::ComeAgain => {}
            Answer::Refused => (self.identity, self.open) = (None, false),
        }
    }

    /// What matters for what can happen next; epochs only ever grow.
    fn key(&self) -> String {
        let valid = self.identity.is_some_and(|i| self.transactions.is_current(i));
        let known = self.identity.is_some();
        let (ongoing, preparing) = (self.transactions.is_ongoing(), self.transactions.is_preparing());
        format!("{known} {valid} {ongoing} {preparing} {} {}", self.open, self.fencing)
    }
}

/// True where all parties can go on for ever and the lane commits nothing: a cycle in which the lane
/// and the coordinator take steps, so that it is no matter of waiting for one of them.
fn starves(once: bool) -> bool {
    const TURNS: [Turn; 3] = [Turn::Lane, Turn::Fencer, Turn::Coordinator];
    let mut edges: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    let mut left = vec![Race::new()];
    while let Some(race) = left.pop() {
        let key = race.key();
        if edges.contains_key(&key) || race.committed {
            continue;
        }
        let next: Vec<_> = TURNS
            .iter()
            .enumerate()
            .filter_map(|(t, turn)| Some((t, race.step(*turn, once)?)))
            .filter(|(_, race)| !race.committed)
            .collect();
        edges.insert(key, next.iter().map(|(t, race)| (*t, race.key())).collect());
        left.extend(next.into_iter().map(|(_, race)| race));
    }
    println!("fencing {}: {} states", if once { "once" } else { "in a loop" }, edges.len());
    edges.keys().any(|start| {
        // Everything reachable from `start` that leads back to it is one cycle.
        let reach = |from: &str| {
            let mut seen = BTreeSet::new();
            let mut left = vec![from.to_owned()];
            while let Some(key) = left.pop() {
                for (_, to) in edges.get(&key).into_iter().flatten() {
                    if seen.insert(to.clone()) {
                        left.push(to.clone());
                    }
                }
            }
            seen
        };
        let component: BTreeSet<_> = reach(start).into_iter().filter(|k| reach(k).contains(start)).collect();
        let turns: BTreeSet<_> = component
            .iter()
            .flat_map(|k| edges[k].iter().filter(|(_, to)| component.contains(to)).map(|(t, _)| *t))
            .collect();
        turns.contains(&0) && turns.contains(&2)
    })
}

#[test]
fn fencing_once_lets_the_healthy_lane_commit() {
    assert!(!starves(true));
}

#[test]
fn fencing_in_a_loop_is_refuted() {
    assert!(starves(false));
}

/// A lane with a split of its own, after both lanes have swapped splits.
#[derive(Debug)]
struct Swapped {
    journal: Vec<JournalEntry<()>>,
    fenced: i64,
    /// Was fenced and has not claimed since.
    doubts: bool,
}

/// Claims until nobody has to claim again; `None` where that takes more than `bound` claims.
fn claims_until_quiet(remembers: bool, order: &[usize], bound: usize) -> Option<usize> {
    let names = ["A", "B"];
    let claim = |lane: usize| JournalEntry::Claim { lane: names[lane].to_owned() };
    // Each split was owned by the other lane before.
    let mut lanes: Vec<_> =
        [1, 0].map(|before| Swapped { journal: vec![claim(before)], fenced: -1, doubts: true }).into();
    let mut claims = 0;
    while lanes.iter().any(|l| l.doubts) {
        let wanted = order[claims % order.len()];
        let lane = if lanes[wanted].doubts { wanted } else { 1 - wanted };
        claims += 1;
        if claims > bound {
            return None;
        }
        let own = &mut lanes[lane];
        own.journal.push(claim(lane));
        let at = i64::try_from(own.journal.len() - 1).ok()?;
        let mut barrier = Barrier::new(names[lane].to_owned(), at, if remembers { own.fenced } else { -1 });
        for (offset, entry) in (0..).zip(&own.journal) {
            barrier.observe_uncommitted(offset, entry);
        }
        let fenced = barrier.fences();
        (own.fenced, own.doubts) = (at, false);
        if !fenced.is_empty() {
            lanes[1 - lane].doubts = true;
        }
    }
    Some(claims)
}

/// Every order of four claims, repeated.
fn orders() -> impl Iterator<Item = Vec<usize>> {
    (0..16_usize).map(|bits| (0..4).map(|i| bits >> i & 1).collect())
}

#[test]
fn lanes_that_swapped_splits_come_to_rest() {
    for order in orders() {
        let claims = claims_until_quiet(true, &order, 8);
        assert!(claims.is_some(), "{order:?}");
    }
}

#[test]
fn fencing_the_same_claim_again_is_refuted() {
    for order in orders() {
        assert_eq!(claims_until_quiet(false, &order, 1_000), None, "{order:?}");
    }
}
