//! The program behind proxies that hold, lose, double and replay single requests and replies, and cut the network, at
//! every state of the protocol. The verdict is the independent verifier's, record by record.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real servers in real time; the table of faults is shown"
)]

mod case;
mod cuts;
mod doubled;
mod held;
mod lost;
mod stage;
mod stale;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};

use stage::Stage;

/// A named test.
type Test = (String, Box<dyn FnOnce(&Stage) -> anyhow::Result<()> + Send>);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait most of the time: for timeouts, sessions, and networks that come back.
    arguments.test_threads.get_or_insert(4);
    let stage: Arc<OnceLock<Result<Stage, String>>> = Arc::default();
    let tests = [held::tests(), doubled::tests(), lost::tests(), stale::tests(), cuts::tests()];
    let trials = tests.into_iter().flatten().map(|(name, run)| {
        let stage = Arc::clone(&stage);
        Trial::test(name, move || {
            let stage = stage.get_or_init(|| Stage::start().map_err(|error| format!("{error:#}")));
            let stage = stage.as_ref().map_err(String::clone)?;
            run(stage).map_err(|error| format!("{error:#}").into())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let mut exit = conclusion.exit_code();
    if let Some(Ok(stage)) = stage.get() {
        let coverage = stage.observer.coverage();
        println!("{} faults by what the worker was doing:\n{coverage}", coverage.total());
        let unmet = coverage.unmet().into_iter().map(|state| state.to_string()).collect::<Vec<_>>();
        println!(
            "states that no fault met: {}",
            if unmet.is_empty() { "none".into() } else { unmet.join(", ") }
        );
        if conclusion.num_filtered_out == 0 && !unmet.is_empty() {
            exit = ExitCode::FAILURE;
        }
    }
    // Stops the servers: nothing is dropped after `main`.
    drop(stage);
    exit
}
