//! The contracts of a state store as trials of a suite that has servers.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use libtest_mimic::{Completion, Failed, Trial};
use velostream_conformance::{Checked, Contract, Fixture, Wrapper, run};

use crate::services::foreign_url;

/// Makes the fixture of a case from the case's name; where that fails, the error is the trial's.
pub type Factory<X = Fixture> =
    Arc<dyn Fn(&'static str) -> Result<BoxFuture<'static, X>, Failed> + Send + Sync>;

/// One trial `title::CASE` for each case of the contract.
#[must_use]
pub fn contract_trials<X: Contract>(title: &str, factory: &Factory<X>) -> Vec<Trial> {
    let trial = |name: &'static str| {
        let factory = Arc::clone(factory);
        Trial::ignorable_test(format!("{title}::{name}"), move || {
            let fixture = factory(name)?;
            Ok(completion(run(name, || fixture)))
        })
    };
    X::CASES.iter().map(|case| trial(case.name)).collect()
}

/// One trial `title::WRAPPER::CASE` for each case and for each wrapper that may stand between a job and its store.
#[must_use]
pub fn contract_trials_through_wrappers<X: Contract>(title: &str, factory: &Factory<X>) -> Vec<Trial> {
    let wrapped = Wrapper::ALL.iter().flat_map(|&wrapper| {
        let factory = Arc::clone(factory);
        let through: Factory<X> = Arc::new(move |case| {
            let fixture = factory(case)?;
            Ok(Box::pin(async move { fixture.await.behind(wrapper) }))
        });
        contract_trials(&format!("{title}::{}", wrapper.as_str()), &through)
    });
    wrapped.collect()
}

fn completion(checked: Checked) -> Completion {
    match checked {
        Checked::Held => Completion::Completed,
        Checked::NotRun(why) => Completion::ignored_with(why),
    }
}

/// The trials of [`contract_trials`] where there is nothing to run them on: each is ignored and says why.
#[must_use]
pub fn contract_not_applicable<X: Contract>(title: &str, why: &'static str) -> Vec<Trial> {
    X::CASES.iter().map(|case| not_applicable(title, case.name, why)).collect()
}

fn not_applicable(title: &str, name: &str, why: &'static str) -> Trial {
    Trial::ignorable_test(format!("{title}::{name}"), move || Ok(Completion::ignored_with(why)))
}

/// A name that no earlier run has used: a server of somebody else may still have what those left.
#[must_use]
pub fn run_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}{:x}", since.as_millis(), std::process::id())
    })
}

/// A trial that kills, pauses or configures its server: it does not apply where `VELOSTREAM_TEST_<SERVICE>_URL` names
/// the server of somebody else.
pub fn server_trial(
    service: &'static str,
    name: impl Into<String>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if foreign_url(service).is_some() {
            return Ok(Completion::ignored_with("the server is somebody else's"));
        }
        test().map(|()| Completion::Completed)
    })
}
