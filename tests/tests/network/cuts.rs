//! The network between one of two workers and a cluster is cut for longer than a session, then mended: what was under
//! way arrives late.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use velostream_testkit::nemesis::{PATIENCE, ends_well, until};
use velostream_testkit::proxy::{Action, Api, Cut, Direction, Fault, ProtocolState, Rule};

use crate::Test;
use crate::case::{Case, Version};
use crate::stage::Stage;

/// Longer than the session of 2 s.
const CUT: Duration = Duration::from_millis(3_200);
/// Many times as long as a transaction may stay open.
const IDLE: Duration = Duration::from_secs(1);

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    for (cut, way) in [
        (Cut::Both, "both_ways"),
        (Cut::ToBroker, "one_way_to_the_broker"),
        (Cut::FromBroker, "one_way_from_the_broker"),
    ] {
        let name = format!("cuts::sink_cut_off_{way}_while_idle_and_mended_loses_and_doubles_nothing");
        tests.push((name, Box::new(move |stage| idle_cut(stage, cut))));
        let name = format!("cuts::source_cut_off_{way}_and_mended_loses_and_doubles_nothing");
        tests.push((name, Box::new(move |stage| source_cut(stage, cut))));
        for (api, after, at) in
            [(Api::EndTxn, 8, "ending"), (Api::TxnOffsetCommit, 8, "storing"), (Api::Produce, 30, "writing")]
        {
            let name = format!("cuts::sink_cut_off_{way}_while_{at}_and_mended_loses_and_doubles_nothing");
            tests.push((name, Box::new(move |stage| sink_cut(stage, cut, api, after))));
        }
    }
    let name = "cuts::connection_for_data_lost_between_two_transactions_is_followed_by_a_claim";
    tests.push((name.to_owned(), Box::new(lost_between)));
    tests
}

/// The broker may have been away, and may have lost the markers of the transaction that was committed last: only a claim
/// looks for that.
fn lost_between(stage: &Stage) -> Result<()> {
    let case = Case::new(stage, "lost-between", Version::V2)?;
    let rule = Rule::new(&case.name, Direction::ToBroker, Api::Fetch, Action::Hold);
    let back = case.source_proxy().add(rule.after(4).times(u64::MAX).uncounted());
    let mut worker = case.start_lasting(&case.name, "w0")?;
    case.await_commits(&case.name, 1)?;
    until(|| back.fired() > 0)?;
    // What was read before is written and committed; then nothing is open.
    sleep(IDLE);
    case.await_state(&case.name, ProtocolState::Between)?;
    let before = worker.log().len();
    let log = case.proxy().log(&case.name);
    let for_data = log.iter().filter(|passed| passed.api == Api::Produce).map(|passed| passed.connection);
    for_data.collect::<BTreeSet<_>>().into_iter().for_each(|number| case.proxy().close(number));
    back.end();
    worker.await_log_from(before, "claimed splits=6", PATIENCE)?;
    case.await_identical()?;
    ends_well(&worker.terminate(PATIENCE)?)?;
    case.expect_identical()
}

/// The other worker takes over; then the network is mended, and the first one meets what happened without it.
fn sink_cut(stage: &Stage, cut: Cut, api: Api, after: u64) -> Result<()> {
    let case = Case::new(stage, &format!("cut-sink-{cut:?}-{api}"), Version::V2)?;
    let clients = ["w0", "w1"].map(|worker| format!("{}.{worker}", case.name));
    let [victim, other] = &clients;
    // Nothing is read before both own something, so that there is enough left to be done when the fault comes.
    let back = clients.each_ref().map(|client| {
        let rule = Rule::new(client, Direction::ToBroker, Api::Fetch, Action::Hold);
        case.source_proxy().add(rule.times(u64::MAX).uncounted())
    });
    let rule = Rule::new(victim, Direction::ToBroker, api, Action::CutLink(cut));
    let fault = case.proxy().add(rule.transactional(true).after(after));
    let cut_off = case.start_lasting(victim, "w0")?;
    let mut heir = case.start_lasting(other, "w1")?;
    heir.await_log("claimed splits=3", PATIENCE)?;
    let before = heir.log().len();
    back.iter().for_each(Fault::release);
    case.await_fault(&fault, &cut_off)?;
    heir.await_log_from(before, "claimed splits=6", PATIENCE)?;
    case.proxy().heal(victim);
    case.await_delivered()?;
    for worker in [cut_off, heir] {
        ends_well(&worker.terminate(PATIENCE)?)?;
    }
    let last = case.start(&case.name, "w2")?;
    case.finish(last)?;
    case.expect_identical()
}

/// A worker that has delivered everything is lost and comes back.
fn idle_cut(stage: &Stage, cut: Cut) -> Result<()> {
    let case = Case::new(stage, &format!("cut-idle-{cut:?}"), Version::V2)?;
    let mut worker = case.start_lasting(&case.name, "w0")?;
    case.await_identical()?;
    case.await_state(&case.name, ProtocolState::Between)?;
    let whole = worker.log().len();
    case.proxy().cut(&case.name, cut);
    worker.await_log_from(whole, "membership lost", PATIENCE)?;
    let lost = worker.log().len();
    case.proxy().heal(&case.name);
    worker.await_log_from(lost, "claimed splits=6", PATIENCE)?;
    ends_well(&worker.terminate(PATIENCE)?)?;
    case.expect_identical()
}

/// Nobody takes over, since the group is on the sink; the worker goes on where it was.
fn source_cut(stage: &Stage, cut: Cut) -> Result<()> {
    let case = Case::new(stage, &format!("cut-source-{cut:?}"), Version::V2)?;
    let rule = Rule::new(&case.name, Direction::ToBroker, Api::Fetch, Action::CutLink(cut));
    let fault = case.source_proxy().add(rule.after(4));
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&fault, &worker)?;
    sleep(CUT);
    case.source_proxy().heal(&case.name);
    case.finish(worker)?;
    case.expect_identical()
}
