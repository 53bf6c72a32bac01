//! The DynamoDB store on DynamoDB Local: the contract, lost requests and replies, what strong tables refuse, a kill.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

mod faults;
mod seam;
mod stage;
mod tables;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::Arguments;
use velostream_conformance::SharedFixture;
use velostream_testkit::{
    Factory, contract_not_applicable, contract_trials, contract_trials_through_wrappers, server_trial,
};

use stage::{Mode, Stage};

/// Why no case of shared ids applies.
const NO_SHARED_IDS: &str =
    "the store offers no shared ids: a taking is not one conditional write of one item";

/// A named test.
type Test = (&'static str, fn(&mut Stage));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One of them kills the server of all.
    arguments.test_threads = Some(1);
    let stage: Arc<Mutex<Option<Stage>>> = Arc::default();
    let mut trials = Vec::new();
    for mode in [Mode::One, Mode::Strong] {
        let stage = Arc::clone(&stage);
        let factory: Factory = Arc::new(move |_| {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(Box::pin(started(&mut stage)?.fixture(mode)))
        });
        trials.extend(contract_trials(mode.title(), &factory));
        if mode == Mode::One {
            trials.extend(contract_trials_through_wrappers(mode.title(), &factory));
        }
        trials.extend(contract_not_applicable::<SharedFixture>(mode.title(), NO_SHARED_IDS));
    }
    for (name, test) in faults::TESTS.iter().chain(tables::TESTS).copied() {
        let stage = Arc::clone(&stage);
        trials.push(server_trial("DYNAMODB", name, move || {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            test(started(&mut stage)?);
            Ok(())
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Stops the server: nothing is dropped after `main`.
    drop(stage.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

/// The stage, set up by the first who asks.
fn started(stage: &mut Option<Stage>) -> Result<&mut Stage, String> {
    match stage {
        Some(stage) => Ok(stage),
        None => Ok(stage.insert(Stage::start().map_err(|error| format!("{error:#}"))?)),
    }
}
