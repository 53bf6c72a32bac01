//! The whole system: two workers, a source, a sink cluster, a network.

use super::coordinator::{Part, Transactions};
use super::group::Group;
use super::log::{Entry, Log, Outcome};
use super::network::Network;
use super::rules::{Budget, Rules};
use super::worker::Worker;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) source_end: u8,
    pub(crate) data: Log,
    pub(crate) journal: Log,
    pub(crate) transactions: [Transactions; 2],
    pub(crate) group: Group,
    pub(crate) workers: [Worker; 2],
    pub(crate) network: Network,
    pub(crate) budget: Budget,
    /// A machine refused an event, or an invariant of it broke.
    pub(crate) misuse: bool,
    /// The owner of the newest generation claimed a position that is not the truth.
    pub(crate) wrong_claim: bool,
}

/// Chunks of a transaction at most: the third commits it.
const BATCH: u64 = 2;

impl World {
    /// Both workers have just joined; the first owns the split.
    pub(crate) fn new(rules: &Rules, budget: Budget) -> Self {
        let group = Group::new(rules.one_worker);
        let worker = |w: usize| {
            let mut worker = Worker::new(rules.version, BATCH);
            worker.member = group.members[w];
            worker.known = 1;
            worker.publish(false, w == 0, group.members[w].map(|m| (m, 1)));
            worker
        };
        Self {
            source_end: if rules.grows { 0 } else { rules.records },
            data: Log::default(),
            journal: Log::default(),
            transactions: [Transactions::new(0), Transactions::new(1)],
            workers: [worker(0), worker(1)],
            group,
            network: Network::default(),
            budget,
            misuse: false,
            wrong_claim: false,
        }
    }

    pub(crate) const fn worker(&mut self, w: u8) -> &mut Worker {
        &mut self.workers[w as usize]
    }

    /// What became, or surely will become, of a record.
    fn outcome(&self, log: &Log, part: Part, at: usize) -> Outcome {
        let outcome = log.outcome(at, log.end());
        let Some(producer) = log.records()[at].producer.filter(|_| outcome == Outcome::Open) else {
            return outcome;
        };
        match self.transactions.iter().find_map(|t| t.decided(producer, part)) {
            Some(true) => Outcome::Committed,
            Some(false) => Outcome::Aborted,
            None => Outcome::Open,
        }
    }

    /// Source offsets in the order in which a reader of committed data gets them.
    pub(crate) fn effective(&self) -> impl Iterator<Item = u8> + '_ {
        self.data.records().iter().enumerate().filter_map(|(at, record)| match record.entry {
            Entry::Data { offset } if self.outcome(&self.data, Part::Data, at) == Outcome::Committed => {
                Some(offset)
            }
            _ => None,
        })
    }

    /// The position that the journal's record at `at` commits, if it does.
    pub(crate) fn progress_at(&self, at: usize) -> Option<u8> {
        match self.journal.records()[at].entry {
            Entry::Progress { next, .. }
                if self.outcome(&self.journal, Part::Journal, at) == Outcome::Committed =>
            {
                Some(next)
            }
            _ => None,
        }
    }

    /// The committed position: that of the newest decided progress.
    pub(crate) fn position(&self) -> u8 {
        (0..self.journal.end()).rev().find_map(|at| self.progress_at(at)).unwrap_or(0)
    }

    pub(crate) fn once_and_in_order(&self) -> bool {
        let mut last = None;
        self.effective().all(|offset| last.replace(offset).is_none_or(|l| l < offset))
    }

    pub(crate) fn nothing_lost(&self) -> bool {
        let effective: Vec<_> = self.effective().collect();
        (0..self.position()).all(|offset| effective.contains(&offset))
    }

    /// Nothing is effective that the position does not cover.
    pub(crate) fn nothing_torn(&self) -> bool {
        let position = self.position();
        self.effective().all(|offset| offset < position)
    }

    /// The group's offsets say what the journal says.
    pub(crate) fn group_agrees(&self) -> bool {
        self.group.decided(&self.transactions) == self.position()
    }

    pub(crate) fn delivered(&self, rules: &Rules) -> bool {
        self.position() == rules.records && self.effective().count() == usize::from(rules.records)
    }

    /// Both lanes have committed something.
    pub(crate) fn taken_over(&self) -> bool {
        [0, 1].iter().all(|w| {
            (0..self.journal.end()).any(|at| {
                matches!(self.journal.records()[at].entry, Entry::Progress { lane, .. } if lane == *w)
                    && self.progress_at(at).is_some()
            })
        })
    }
}
