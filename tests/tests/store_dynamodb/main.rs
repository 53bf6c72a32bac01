//! The DynamoDB store on DynamoDB Local: the contract, lost requests and replies, what strong tables refuse, a kill.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

mod faults;
mod seam;
mod stage;
mod tables;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};
use velostream_conformance::STORE_CASES;

use stage::{Mode, Stage};

/// A named test.
type Test = (&'static str, fn(&mut Stage));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One of them kills the server of all.
    arguments.test_threads = Some(1);
    let stage: Arc<Mutex<Option<Stage>>> = Arc::default();
    let mut trials = Vec::new();
    let mut add = |name: String, test: Box<dyn Fn(&mut Stage) + Send>| {
        let stage = Arc::clone(&stage);
        trials.push(Trial::test(name, move || {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            if stage.is_none() {
                *stage = Some(Stage::start().map_err(|error| format!("{error:#}"))?);
            }
            if let Some(stage) = stage.as_mut() {
                test(stage);
            }
            Ok(())
        }));
    };
    for mode in [Mode::One, Mode::Strong] {
        for case in STORE_CASES {
            let run = move |stage: &mut Stage| {
                let fixture = stage.fixture(mode);
                velostream_conformance::run(case.name, || fixture);
            };
            add(format!("{mode:?}::{}", case.name).to_lowercase(), Box::new(run));
        }
    }
    for (name, run) in faults::TESTS.iter().chain(tables::TESTS).copied() {
        add(name.to_owned(), Box::new(run));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Stops the server: nothing is dropped after `main`.
    drop(stage.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}
