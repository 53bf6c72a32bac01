//! Runs one case.

use std::future::Future;
use std::time::Duration;

use crate::{Checked, Contract, Violation};

/// No case needs it; it turns a hang into a failure.
const GUARD: Duration = Duration::from_secs(120);

/// Runs the case of this name of the contract on a runtime of its own with two threads.
///
/// # Panics
/// Where the case is violated or unknown: this is the body of a test.
pub fn run<X: Contract, F>(name: &str, factory: impl FnOnce() -> F) -> Checked
where
    F: Future<Output = X>,
{
    #![allow(clippy::panic, reason = "a test fails by a panic")]
    #![allow(clippy::print_stderr, reason = "what was not run has to be seen")]
    let Some(case) = X::CASES.iter().find(|case| case.name == name) else {
        panic!("there is no case {name}");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let verdict = runtime.block_on(async {
        let fixture = factory().await;
        let verdict = tokio::time::timeout(GUARD, (case.run)(&fixture)).await;
        verdict.unwrap_or(Err(Violation::Hangs { what: "the case" }))
    });
    match verdict {
        Ok(Checked::NotRun(why)) => {
            eprintln!("not run: {name}: {why}");
            Checked::NotRun(why)
        }
        Ok(held) => held,
        Err(violation) => panic!("{name}: {violation}"),
    }
}
