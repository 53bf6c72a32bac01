//! A coordinator that answers what was true once.

use anyhow::Result;
use velostream_testkit::nemesis::{PATIENCE, ends_well};
use velostream_testkit::proxy::{Action, Api, Direction, Rule};

use crate::Test;
use crate::case::{Case, Version};
use crate::stage::Stage;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        (
            "stale::offsets_of_an_earlier_owner_do_not_move_a_claim_back".to_owned(),
            Box::new(|stage| old_offsets(stage, 2)),
        ),
        (
            "stale::offsets_that_stay_old_for_a_while_do_not_stop_the_job".to_owned(),
            Box::new(|stage| old_offsets(stage, 6)),
        ),
        (
            "stale::offsets_answered_after_the_group_has_moved_on_do_not_move_a_claim_back".to_owned(),
            Box::new(late_offsets),
        ),
    ]
}

/// OffsetFetch answers the offsets of the previous claim, so many times: to the search for a hint, then to the
/// cross-check of the claim.
fn old_offsets(stage: &Stage, times: u64) -> Result<()> {
    let case = Case::new(stage, &format!("stale-{times}"), Version::V2)?;
    let first = format!("{}.first", case.name);
    let earlier = case.start_lasting(&first, "w0")?;
    // Enough for every split to have moved.
    case.await_commits(&first, 8)?;
    earlier.kill()?;
    // From here on the group has offsets; the first answer about them is kept.
    let rule = Rule::new(&case.name, Direction::FromBroker, Api::OffsetFetch, Action::Replay);
    let old = case.proxy().add(rule.times(times).later());
    let owner = case.start_lasting(&case.name, "w0")?;
    case.await_commits(&case.name, 8)?;
    owner.kill()?;
    old.arm();
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&old, &worker)?;
    case.finish(worker)?;
    case.expect_identical()
}

/// The answer is held until another worker owns half of the splits and has moved them on.
fn late_offsets(stage: &Stage) -> Result<()> {
    let mut case = Case::new(stage, "stale-late", Version::V2)?;
    // The worker still waits for the answer when it comes.
    case.request_timeout = "60s";
    let clients = ["w0", "w1"].map(|worker| format!("{}.{worker}", case.name));
    let [slow, other] = &clients;
    let rule = Rule::new(slow, Direction::FromBroker, Api::OffsetFetch, Action::Hold);
    let held = case.proxy().add(rule);
    let slow_worker = case.start_lasting(slow, "w0")?;
    case.await_fault(&held, &slow_worker)?;
    let other_worker = case.start_lasting(other, "w1")?;
    case.await_commits(other, 5)?;
    held.release();
    case.await_commits(slow, 1)?;
    case.await_delivered()?;
    for worker in [slow_worker, other_worker] {
        ends_well(&worker.terminate(PATIENCE)?)?;
    }
    let last = case.start(&case.name, "w2")?;
    case.finish(last)?;
    case.expect_identical()
}
