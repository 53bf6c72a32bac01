//! The real driver and machines over the simulated Kafka: whatever goes wrong, a reader of committed data gets every
//! record once and in order, and the job comes to its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use velostream_protocol::kafka_lane::TransactionVersion;
use velostream_sim::{
    Applied, Fault, Mutant, Plan, Scenario, Search, Then, Violation, pairs, plan, replay, run, shrink,
    singles, zombies,
};

const VERSIONS: [TransactionVersion; 2] = [TransactionVersion::V2, TransactionVersion::V1];

fn show(plan: &Plan) -> String {
    let (small, history) = shrink(plan);
    let violation = history.violation.map_or_else(String::new, |v| v.to_string());
    let trace = replay(&small).trace;
    let from = trace.len().saturating_sub(400);
    format!("{violation}\n{small:#?}\n{}", trace.into_iter().skip(from).collect::<Vec<_>>().join("\n"))
}

fn assert_clean(search: &Search) {
    if let Some((plan, _)) = search.failures.first() {
        panic!("{} of {} histories fail; the first: {}", search.failures.len(), search.histories, show(plan));
    }
}

#[test]
fn job_without_faults_delivers_everything_and_ends() {
    for version in VERSIONS {
        for scenario in [Scenario::small(version), Scenario::tiny(version)] {
            let plan = Plan { scenario, faults: Vec::new() };
            let history = run(&plan);
            assert_eq!(history.violation, None, "{}", show(&plan));
            println!("{} points, {} events, {} ms", history.points, history.events, history.simulated_ms);
        }
    }
}

#[test]
fn every_single_fault_leaves_every_record_once_and_in_order() {
    for version in VERSIONS {
        let search = singles(version);
        println!("{version:?}: {} histories", search.histories);
        assert_clean(&search);
    }
}

#[test]
fn zombie_of_any_request_that_wakes_at_any_moment_leaves_every_record_once_and_in_order() {
    for version in VERSIONS {
        let search = zombies(version, 1, 0);
        println!("{version:?}: {} histories", search.histories);
        assert_clean(&search);
    }
}

/// Both workers lose the answer to their first joining, so that the group counts two members in that nobody is.
#[test]
fn split_of_a_member_that_nobody_is_keeps_a_bounded_worker_from_ending() {
    for version in VERSIONS {
        let mut scenario = Scenario::tiny(version);
        let lost = |point| Fault::Request { point, applied: Applied::ReplyLost, then: Then::Error };
        let faults = vec![lost(0), lost(1)];
        let history = run(&Plan { scenario: scenario.clone(), faults: faults.clone() });
        assert_eq!(history.violation, None);
        assert_eq!(history.fired, 2);
        scenario.mutant = Some(Mutant::OwnShareOnly);
        let broken = run(&Plan { scenario, faults }).violation;
        assert!(matches!(broken, Some(Violation::EndedEarly { .. })), "{broken:?}");
    }
}

#[test]
fn sampled_pair_of_faults_leaves_every_record_once_and_in_order() {
    for version in VERSIONS {
        let search = pairs(version, 40, 7);
        println!("{version:?}: {} histories", search.histories);
        assert_clean(&search);
    }
}

#[test]
fn drawn_plan_leaves_every_record_once_and_in_order() {
    let mut failed = Vec::new();
    let mut fired = 0;
    for seed in 0..4_000 {
        let history = run(&plan(seed));
        fired += history.fired;
        if history.violation.is_some() {
            failed.push(seed);
        }
    }
    println!("{fired} faults");
    if let Some(seed) = failed.first() {
        panic!(
            "{} seeds fail: {:?}; the first: {}",
            failed.len(),
            &failed[..failed.len().min(20)],
            show(&plan(*seed))
        );
    }
}

#[test]
fn same_plan_runs_the_same_history_again() {
    for seed in 0..300 {
        let plan = plan(seed);
        let (one, two) = (run(&plan), run(&plan));
        assert_eq!((one.hash, one.events, one.points), (two.hash, two.events, two.points), "seed {seed}");
    }
}
