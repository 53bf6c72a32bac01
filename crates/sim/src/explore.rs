//! Every single fault, and every pair, of a small job.

use std::collections::BTreeSet;

use velostream_protocol::kafka_lane::TransactionVersion;

use crate::fault::{Applied, Fault, Then};
use crate::history::{History, Plan, run};
use crate::scenario::{REQUEST_TIMEOUT_MS, SESSION_MS, Scenario};

/// What a search found.
#[derive(Debug, Default)]
pub struct Search {
    /// Histories run.
    pub histories: u64,
    /// Plans that broke a promise.
    pub failures: Vec<(Plan, History)>,
}

impl Search {
    fn run(&mut self, plan: Plan) -> History {
        let history = run(&plan);
        self.histories += 1;
        if history.violation.is_some() {
            self.failures.push((plan, history.clone()));
        }
        history
    }
}

/// Long enough that a restart comes before, or a session ends before.
const RESTARTS_MS: [u64; 2] = [50, SESSION_MS + 2_000];
/// A pause that nobody notices, one that outlives the session, and one that outlives the transaction.
const PAUSES_MS: [u64; 3] = [700, SESSION_MS + 1_000, 14_000];
/// A late arrival before and after the sender has gone on.
const LATE_MS: [u64; 3] = [5, 120, REQUEST_TIMEOUT_MS + 100];

/// Faults of one request.
fn kinds(pauses: bool) -> Vec<(Applied, Then)> {
    let mut kinds = Vec::new();
    let mut applied = vec![Applied::Never, Applied::ReplyLost];
    applied.extend(LATE_MS.map(|ms| Applied::Later { ms }));
    for applied in applied {
        kinds.extend([Then::Error, Then::TimeOut].map(|then| (applied, then)));
        kinds.extend(RESTARTS_MS.map(|restart_ms| (applied, Then::Crash { restart_ms })));
        if pauses {
            kinds.extend(PAUSES_MS.map(|ms| (applied, Then::Pause { ms })));
        }
    }
    if pauses {
        kinds.extend(PAUSES_MS.map(|ms| (Applied::Now, Then::Pause { ms })));
    }
    kinds
}

fn faults_at(point: u64, reads: &[u64], kinds: &[(Applied, Then)]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = kinds
        .iter()
        .map(|(applied, then)| Fault::Request { point, applied: *applied, then: *then })
        .collect();
    if reads.binary_search(&point).is_ok() {
        faults.extend((1..=3).map(|back| Fault::StaleRead { point, back }));
    }
    faults
}

/// Every request of the small job, each with every fault.
#[must_use]
pub fn singles(version: TransactionVersion) -> Search {
    let scenario = Scenario::small(version);
    let mut search = Search::default();
    let base = search.run(Plan { scenario: scenario.clone(), faults: Vec::new() });
    let kinds = kinds(true);
    for point in 0..base.points {
        for fault in faults_at(point, &base.reads, &kinds) {
            search.run(Plan { scenario: scenario.clone(), faults: vec![fault] });
        }
    }
    search
}

/// Every pair of faults of the tiny job, pauses apart; the second one anywhere in what the first one leads to. Only
/// one first fault in `stride` is followed, from `first` on.
#[must_use]
pub fn pairs(version: TransactionVersion, stride: usize, first: usize) -> Search {
    let scenario = Scenario::tiny(version);
    let mut search = Search::default();
    let base = search.run(Plan { scenario: scenario.clone(), faults: Vec::new() });
    let kinds = pair_kinds();
    let firsts: Vec<Fault> =
        (0..base.points).flat_map(|point| faults_at(point, &base.reads, &kinds)).collect();
    for one in firsts.iter().skip(first).step_by(stride.max(1)) {
        let after = search.run(Plan { scenario: scenario.clone(), faults: vec![*one] });
        let (Fault::Request { point: from, .. } | Fault::StaleRead { point: from, .. }) = *one else {
            continue;
        };
        for point in from + 1..after.points {
            for two in faults_at(point, &after.reads, &kinds) {
                search.run(Plan { scenario: scenario.clone(), faults: vec![*one, two] });
            }
        }
    }
    search
}

/// A pause behind which everything is over: sessions and transactions have ended and the others have done the work.
const ASLEEP_MS: u64 = 20_000;

/// Zombies of both jobs: a worker that stands still at any of its requests, and goes on at every moment at which
/// another one sends something, up to the end. Only one request in `stride` is followed, from `first` on.
#[must_use]
pub fn zombies(version: TransactionVersion, stride: usize, first: usize) -> Search {
    let mut search = Search::default();
    for scenario in [Scenario::tiny(version), Scenario::small(version)] {
        zombies_of(&scenario, stride, first, &mut search);
    }
    search
}

fn zombies_of(scenario: &Scenario, stride: usize, first: usize, search: &mut Search) {
    let base = search.run(Plan { scenario: scenario.clone(), faults: Vec::new() });
    for (point, (from, worker)) in base.sent.iter().copied().enumerate().skip(first).step_by(stride.max(1)) {
        for applied in [Applied::Never, Applied::ReplyLost, Applied::Now] {
            let mut pause = |ms| {
                let fault = Fault::Request { point: point as u64, applied, then: Then::Pause { ms } };
                search.run(Plan { scenario: scenario.clone(), faults: vec![fault] })
            };
            let asleep = pause(ASLEEP_MS);
            let others = asleep.sent.iter().skip(point + 1).filter(|(_, other)| *other != worker);
            let moments: BTreeSet<u64> = others
                .map(|(at, _)| at.saturating_sub(from))
                .filter(|ms| (1..ASLEEP_MS).contains(ms))
                .collect();
            for ms in moments {
                pause(ms);
            }
        }
    }
}

/// Pairs multiply, so that each effect has one shape of each kind.
fn pair_kinds() -> Vec<(Applied, Then)> {
    let applied = [Applied::Never, Applied::ReplyLost, Applied::Later { ms: 120 }];
    let then = [Then::Error, Then::TimeOut, Then::Crash { restart_ms: 50 }];
    applied.iter().flat_map(|a| then.iter().map(|t| (*a, *t))).collect()
}
