//! A broken rule is found within a bounded number of seeds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation is a failed test")]

use velostream_sim::{Mutant, Plan, plan, run};

const SEEDS: u64 = 4_000;

#[test]
fn every_broken_rule_is_found_by_a_seed() {
    let mut alive = Vec::new();
    for mutant in Mutant::ALL {
        let killer = (0..SEEDS).find_map(|seed| {
            let Plan { mut scenario, faults } = plan(seed);
            scenario.mutant = Some(mutant);
            let violation = run(&Plan { scenario, faults }).violation?;
            Some((seed, violation))
        });
        match killer {
            Some((seed, violation)) => println!("{mutant:?}: seed {seed}: {violation}"),
            None => alive.push(mutant),
        }
    }
    assert!(alive.is_empty(), "not found: {alive:?}");
}
