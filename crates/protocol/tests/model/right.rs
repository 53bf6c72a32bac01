//! The protocol as it is: nothing is lost, doubled, reordered or torn, whatever is done to it.

use std::time::SystemTime;

use stateright::{Checker, DiscoveryClassification, HasDiscoveries, Model};
use velostream_protocol::kafka_lane::TransactionVersion::{self, V1, V2};

use super::checked::Replication;
use super::rules::{Budget, Rules, Wrong};

/// Explores everything; says how far it went, and the way to what is wrong. Gives the number of states.
#[allow(clippy::disallowed_methods, reason = "how long it took is told, never judged")]
pub(crate) fn holds(name: &str, model: Replication) -> usize {
    let began = SystemTime::now();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
    let took = began.elapsed().unwrap_or_default().as_secs_f64();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("holds: {name}: {states} unique states, depth {depth}, {took:.1} s");
    for (property, path) in checker.discoveries() {
        if matches!(checker.discovery_classification(property), DiscoveryClassification::Counterexample) {
            println!("  not true: {property}");
            for action in path.into_actions() {
                println!("    {action:?}");
            }
            panic!("{name}: not true: {property}");
        }
    }
    checker.assert_properties();
    states
}

/// Source records, what goes wrong.
type Case = (TransactionVersion, u8, Budget);

const NONE: Budget = Budget {
    crashes: 0,
    zombies: 0,
    shuffles: 0,
    joins: 0,
    losses: 0,
    copies: 0,
    timeouts: 0,
    late_fences: 0,
    expiries: 0,
    moves: 0,
    stops: 0,
};

/// What one build can afford: more than two million states. No copies on V1: see the test of a request that arrives
/// twice.
const CASES: [Case; 21] = [
    (V2, 1, Budget { zombies: 1, joins: 1, ..NONE }),
    (V2, 1, Budget { zombies: 1, late_fences: 1, ..NONE }),
    (V2, 1, Budget { crashes: 1, joins: 1, late_fences: 1, ..NONE }),
    (V2, 1, Budget { crashes: 1, losses: 1, ..NONE }),
    (V2, 1, Budget { shuffles: 1, ..NONE }),
    (V2, 1, Budget { crashes: 1, expiries: 1, copies: 1, ..NONE }),
    (V2, 2, Budget { crashes: 1, late_fences: 1, ..NONE }),
    (V2, 2, Budget { losses: 1, copies: 1, ..NONE }),
    (V2, 1, Budget { losses: 1, copies: 1, timeouts: 1, ..NONE }),
    (V2, 1, Budget { losses: 1, timeouts: 1, expiries: 1, ..NONE }),
    (V2, 2, Budget { crashes: 1, stops: 1, ..NONE }),
    (V2, 3, Budget { crashes: 1, ..NONE }),
    (V1, 1, Budget { zombies: 1, ..NONE }),
    (V1, 1, Budget { shuffles: 1, ..NONE }),
    (V1, 1, Budget { crashes: 1, joins: 1, ..NONE }),
    (V1, 1, Budget { crashes: 1, losses: 1, ..NONE }),
    (V1, 1, Budget { crashes: 1, expiries: 1, ..NONE }),
    (V1, 2, Budget { crashes: 1, late_fences: 1, ..NONE }),
    (V1, 2, Budget { losses: 2, ..NONE }),
    (V1, 2, Budget { losses: 1, timeouts: 1, ..NONE }),
    (V1, 2, Budget { stops: 1, losses: 1, ..NONE }),
];

/// What a long run can afford.
const LONG: [Case; 12] = [
    (V2, 1, Budget { shuffles: 1, timeouts: 1, ..NONE }),
    (V2, 2, Budget { losses: 2, copies: 1, ..NONE }),
    (V2, 2, Budget { losses: 1, timeouts: 1, expiries: 1, ..NONE }),
    (V2, 2, Budget { crashes: 1, losses: 1, ..NONE }),
    (V2, 2, Budget { crashes: 1, joins: 1, ..NONE }),
    (V2, 2, Budget { zombies: 1, ..NONE }),
    (V2, 1, Budget { zombies: 1, losses: 1, ..NONE }),
    (V2, 1, Budget { crashes: 1, zombies: 1, ..NONE }),
    (V1, 1, Budget { zombies: 1, late_fences: 1, ..NONE }),
    (V1, 2, Budget { crashes: 1, losses: 1, ..NONE }),
    (V1, 2, Budget { shuffles: 1, ..NONE }),
    (V1, 1, Budget { zombies: 1, joins: 1, ..NONE }),
];

fn explore(cases: &[Case]) -> usize {
    let states = cases
        .iter()
        .map(|(version, records, budget)| {
            let rules = Rules::right(*version, *records);
            let name = format!("{version:?}, {records} records, {budget}");
            holds(&name, Replication { rules, budget: *budget, liveness: false })
        })
        .sum();
    println!("holds: {states} unique states in {} models", cases.len());
    states
}

#[test]
fn protocol_holds_under_every_fault() {
    let states = explore(&CASES);
    assert!(states >= 2_000_000, "{states} states are too few to mean much");
}

#[test]
#[ignore = "72 million states: ten minutes on two cores"]
fn protocol_holds_under_many_faults_at_once() {
    let states = explore(&LONG);
    assert!(states >= 50_000_000, "{states} states are too few to mean much");
}

/// From every reachable state a schedule without faults delivers everything.
#[test]
fn protocol_recovers_from_every_state() {
    for (version, records, budget) in [
        (V2, 2, Budget { crashes: 1, ..NONE }),
        (V2, 1, Budget { zombies: 1, ..NONE }),
        (V2, 1, Budget { crashes: 1, losses: 1, ..NONE }),
        (V2, 1, Budget { losses: 1, timeouts: 1, copies: 1, ..NONE }),
        (V2, 1, Budget { crashes: 1, expiries: 1, ..NONE }),
        (V1, 2, Budget { crashes: 1, ..NONE }),
        (V1, 2, Budget { losses: 1, timeouts: 1, ..NONE }),
        (V1, 1, Budget { crashes: 1, joins: 1, ..NONE }),
    ] {
        let rules = Rules::right(version, records);
        let name = format!("liveness, {version:?}, {records} records, {budget}");
        holds(&name, Replication { rules, budget, liveness: true });
    }
}

/// R14 as it is, and the start policy as it is.
#[test]
fn protocol_holds_where_a_split_moves_inside_a_worker_and_where_the_source_grows() {
    for version in [V2, V1] {
        let moves = Rules { one_worker: true, ..Rules::right(version, 1) };
        let budget = Budget { moves: 1, late_fences: 1, losses: 1, ..NONE };
        holds(
            &format!("{version:?}, one worker, {budget}"),
            Replication { rules: moves, budget, liveness: false },
        );
        let grows = Rules { grows: true, ..Rules::right(version, 2) };
        let budget = Budget { crashes: 1, ..NONE };
        holds(
            &format!("{version:?}, growing, {budget}"),
            Replication { rules: grows, budget, liveness: false },
        );
    }
}

/// V2 moves the epoch with every end, so that even the retry that tears transactions on V1 is harmless there.
#[test]
fn retried_end_of_transaction_is_harmless_on_v2() {
    let rules = Rules::right(V2, 2).breaking(&[Wrong::SameEpochAfterDoubt]);
    let budget = Budget { losses: 2, ..NONE };
    holds("V2, EndTxn retried", Replication { rules, budget, liveness: false });
}
