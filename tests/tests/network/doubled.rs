//! Requests that the broker gets twice.

use anyhow::Result;
use velostream_testkit::proxy::{Action, Api, Direction, Rule};

use crate::Test;
use crate::case::{Case, Version};
use crate::stage::Stage;

/// How many requests of a run are doubled.
const DOUBLED: u64 = 12;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    for version in Version::ALL {
        for (api, name) in
            [(Api::EndTxn, "end_txn"), (Api::TxnOffsetCommit, "txn_offset_commit"), (Api::Produce, "produce")]
        {
            let name =
                format!("doubled::{name}_reaching_the_broker_twice_changes_nothing{}", version.suffix());
            tests.push((name, Box::new(move |stage| reaching_the_broker_twice(stage, api, version))));
        }
    }
    tests
}

fn reaching_the_broker_twice(stage: &Stage, api: Api, version: Version) -> Result<()> {
    let case = Case::new(stage, &format!("doubled-{api}"), version)?;
    let rule = Rule::new(&case.name, Direction::ToBroker, api, Action::Double).after(3).times(DOUBLED);
    let doubled = case.proxy().add(rule.transactional(true));
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&doubled, &worker)?;
    case.finish(worker)?;
    case.expect_identical()
}
