//! Source and sink of three brokers each: leaders and coordinators move, brokers die, stop answering and come back, and
//! unclean elections take acknowledged records away.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests wait in real time; what a refusal said is shown"
)]

mod coordinators;
mod expect;
mod load;
mod moves;
mod paused;
mod side;
mod sink_truncated;
mod source_truncated;
mod stage;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};

use stage::Stage;

/// A named test.
type Test = (&'static str, fn(&mut Stage) -> anyhow::Result<()>);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each test takes brokers away from all.
    arguments.test_threads = Some(1);
    let stage: Arc<Mutex<Option<Stage>>> = Arc::default();
    let tests = [&source_truncated::TESTS[..], &sink_truncated::TESTS, &moves::TESTS, &paused::TESTS];
    let trials = tests.into_iter().flatten().map(|(name, run): &Test| {
        let (stage, run) = (Arc::clone(&stage), *run);
        let trial = Trial::test(*name, move || {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = match stage.take() {
                Some(ready) => Ok(ready),
                None => Stage::start(),
            };
            let ready = stage.insert(ready.map_err(|error| format!("{error:#}"))?);
            ready.heal().and_then(|()| run(ready)).map_err(|error| format!("{error:#}").into())
        });
        // Six brokers, two workers and their load want a machine that does nothing else: run with `--include-ignored`.
        trial.with_ignored_flag(true)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Stops the servers: nothing is dropped after `main`.
    drop(stage.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}
