//! Requests that are late: their client has given up and gone on when they arrive.

use anyhow::{Result, ensure};
use velostream_testkit::proxy::{Action, Api, Direction, ProtocolState, Rule};

use crate::Test;
use crate::case::{Case, Version};
use crate::stage::Stage;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    for version in Version::ALL {
        for (api, name) in
            [(Api::EndTxn, "end_txn"), (Api::TxnOffsetCommit, "txn_offset_commit"), (Api::Produce, "produce")]
        {
            let suffix = version.suffix();
            let name = format!("held::{name}_let_through_inside_a_later_transaction_changes_nothing{suffix}");
            tests.push((
                name,
                Box::new(move |stage| let_through_inside_a_later_transaction(stage, api, version)),
            ));
        }
    }
    tests
}

/// What librdkafka does not survive: a request of one transaction is held, the client gives it up and goes on, and the
/// request arrives inside a later transaction, on the connection of back then.
fn let_through_inside_a_later_transaction(stage: &Stage, api: Api, version: Version) -> Result<()> {
    let case = Case::new(stage, &format!("held-{api}"), version)?;
    let mut rule = Rule::new(&case.name, Direction::ToBroker, api, Action::Hold).after(6);
    if api == Api::EndTxn {
        rule = rule.commits_only();
    }
    let held = case.proxy().add(rule.transactional(true));
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&held, &worker)?;
    let before = case.commits(&case.name);
    // It has a new identity, has claimed again and gone on.
    case.await_commits(&case.name, before + 3)?;
    case.await_state(&case.name, ProtocolState::Writing)?;
    held.release();
    let reply = case.reply_to_held(&case.name, api)?;
    let after = case.commits(&case.name);
    if api != Api::Produce {
        // A commit that was let through must not have been taken for one of now.
        ensure!(reply.error.is_some_and(|error| error != 0), "{reply:?}");
    }
    case.finish(worker)?;
    ensure!(
        case.commits(&case.name) > after,
        "the job had nothing left to do when the request was let through"
    );
    case.expect_identical()
}
