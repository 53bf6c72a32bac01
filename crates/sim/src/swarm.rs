//! Plans drawn from seeds, and their shrinking.

use crate::fault::{Applied, Fault, Nemesis, Then};
use crate::history::{History, Plan, run};
use crate::random::Random;
use crate::scenario::{SESSION_MS, Scenario};

/// The plan of a seed: a job, and faults of classes each of which takes part with one chance in two.
#[must_use]
pub fn plan(seed: u64) -> Plan {
    let scenario = Scenario::drawn(seed);
    let mut random = Random::new(seed);
    let requests = 40 + scenario.batches * u64::from(scenario.splits) * 6;
    let classes: [bool; 8] = std::array::from_fn(|_| random.one_in(2));
    let mut faults = Vec::new();
    for class in (0_u64..).zip(classes).filter(|(_, on)| *on).map(|(class, _)| class) {
        for _ in 0..random.between(1, 3) {
            faults.push(fault(&mut random, class, requests, scenario.workers));
        }
    }
    Plan { scenario, faults }
}

fn applied(random: &mut Random) -> Applied {
    match random.below(3) {
        0 => Applied::Never,
        1 => Applied::ReplyLost,
        _ => Applied::Later { ms: random.pick(&[3, 20, 150, 1_000, 2_500, 8_000], 20) },
    }
}

fn fault(random: &mut Random, class: u64, requests: u64, workers: usize) -> Fault {
    let point = random.below(requests);
    let ms = random.below(1_500);
    let worker = usize::try_from(random.below(workers as u64)).unwrap_or(0);
    let restart_ms = random.pick(&[5, 100, 1_000, SESSION_MS + 1_500], 100);
    let pause_ms = random.pick(&[50, 1_000, SESSION_MS + 200, 7_000, 14_000], 1_000);
    match class {
        0 => Fault::Request { point, applied: applied(random), then: Then::Error },
        1 => Fault::Request { point, applied: applied(random), then: Then::TimeOut },
        2 => Fault::Request { point, applied: applied(random), then: Then::Crash { restart_ms } },
        3 => {
            let applied = if random.one_in(4) { Applied::Now } else { applied(random) };
            Fault::Request { point, applied, then: Then::Pause { ms: pause_ms } }
        }
        4 => Fault::StaleRead { point, back: usize::try_from(random.between(1, 4)).unwrap_or(1) },
        5 => {
            let what = match random.below(3) {
                0 => Nemesis::Crash { worker, restart_ms },
                1 => Nemesis::Pause { worker, ms: pause_ms },
                _ => Nemesis::Stop { worker, restart_ms },
            };
            Fault::At { ms, what }
        }
        6 => Fault::At { ms, what: Nemesis::Kick { worker } },
        _ => {
            let what = match random.below(5) {
                0 => Nemesis::TimeOutTransactions,
                1 => Nemesis::ExpireIds,
                2 => Nemesis::SlowMarkers { ms: 2_000, delay_ms: random.pick(&[30, 300, 2_000], 30) },
                3 => Nemesis::Away { ms: random.pick(&[100, 1_000, SESSION_MS + 1_000], 100) },
                _ => Nemesis::Stale { ms: random.pick(&[20, 100], 100), back: 1 },
            };
            Fault::At { ms, what }
        }
    }
}

/// Leaves faults out as long as the plan still breaks a promise.
#[must_use]
pub fn shrink(plan: &Plan) -> (Plan, History) {
    shrink_with(plan, run)
}

fn shrink_with(plan: &Plan, run: impl Fn(&Plan) -> History) -> (Plan, History) {
    let mut best = plan.clone();
    let mut history = run(&best);
    let mut at = 0;
    while at < best.faults.len() {
        let mut smaller = best.clone();
        smaller.faults.remove(at);
        let tried = run(&smaller);
        if tried.violation.is_some() {
            best = smaller;
            history = tried;
        } else {
            at += 1;
        }
    }
    (best, history)
}
