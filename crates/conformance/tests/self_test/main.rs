//! Every case passes an honest store and finds its liar out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

mod shared;
mod store;

use std::fmt::Debug;
use std::time::Duration;

use velostream_conformance::{Case, Checked, Verdict, Violation};

/// Times that a lie about a race may be told: the race has to happen, and on a busy machine not every run has one.
const ATTEMPTS: u32 = 5;

async fn run<F, L>(case: &Case<F, L>, fixture: &F) -> Verdict {
    let guard = tokio::time::timeout(Duration::from_secs(30), (case.run)(fixture)).await;
    guard.unwrap_or(Err(Violation::Hangs { what: "the case" }))
}

async fn expect_all_hold<F, L>(cases: &[Case<F, L>], honest: impl Fn() -> F) {
    for case in cases {
        let verdict = run(case, &honest()).await;
        assert!(matches!(verdict, Ok(Checked::Held)), "{}: {verdict:?}", case.name);
    }
}

async fn is_found_out<F, L>(case: &Case<F, L>, liar: impl Fn() -> F) -> bool {
    for _ in 0..ATTEMPTS {
        if run(case, &liar()).await.is_err() {
            return true;
        }
    }
    false
}

async fn expect_all_lies_found<F, L: Copy + Debug>(cases: &[Case<F, L>], liar: impl Fn(L) -> F) {
    let mut missed = Vec::new();
    for case in cases {
        if !is_found_out(case, || liar(case.refutes)).await {
            missed.push((case.name, case.refutes));
        }
    }
    assert!(missed.is_empty(), "lies that passed: {missed:#?}");
}
