//! One story each.

use velostream_core::{AssignmentVersion, BatchId, Claim, Disposition, Phase as Membership, SplitId};
use velostream_protocol::job::{During, Effect, Event, Limits, Phase, State, check, step};

use crate::harness::{Fault, Harness, Input, MAX_BYTES, at, split};

fn failing(disposition: Disposition) -> Fault {
    Fault::Fails { disposition, applied: false }
}

fn assigned(splits: &[u8]) -> Input {
    Input::Assigned { lost: false, splits: splits.to_vec() }
}

const LOST: Input = Input::Assigned { lost: true, splits: Vec::new() };

fn names(effects: &[Effect]) -> Vec<&'static str> {
    effects
        .iter()
        .map(|e| match e {
            Effect::Acknowledge(_) => "acknowledge",
            Effect::Claim { .. } => "claim",
            Effect::Assign(_) => "assign",
            Effect::Revoke(_) => "revoke",
            Effect::Take => "take",
            Effect::Begin => "begin",
            Effect::Write => "write",
            Effect::Recover(_) => "recover",
            Effect::Restore { .. } => "restore",
            Effect::Remember(_) => "remember",
            Effect::Commit(_) => "commit",
            Effect::Confirm => "confirm",
            Effect::Abort => "abort",
            Effect::Pause { .. } => "pause",
            Effect::Reset => "reset",
            Effect::Finish => "finish",
            Effect::Fail => "fail",
        })
        .collect()
}

/// A lane in `Ready` that owns the first split at position 0.
fn ready() -> State {
    let state = State::new(Limits { max_bytes: 100 });
    let event =
        Event::Assigned { version: AssignmentVersion(1), phase: Membership::Owned, splits: vec![split(0)] };
    let (state, _) = step(state, event);
    let claim = Claim { split: split(0), position: at(&split(0), 0), batch: BatchId(0) };
    step(state, Event::Claimed(vec![claim])).0
}

fn chunk(split: &SplitId, from: u64, next: u64) -> Event {
    Event::Chunk { split: split.clone(), from: at(split, from), next: at(split, next), records: 1, bytes: 10 }
}

#[test]
fn first_assignment_is_acknowledged_then_claimed_then_read() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0, 1]));
    assert_eq!(names(&lane.trace), ["acknowledge", "claim", "assign"]);
}

#[test]
fn assignment_during_a_transaction_drops_it_before_it_is_acknowledged() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    let asked = lane.trace.len();
    lane.give(assigned(&[0]));
    assert_eq!(names(&lane.trace[asked..]), ["revoke", "abort", "acknowledge", "claim", "assign"]);
}

#[test]
fn membership_about_to_change_commits_what_is_open_and_begins_nothing_until_the_next_assignment() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    let asked = lane.trace.len();
    lane.give(Input::Rejoining);
    assert_eq!(names(&lane.trace[asked..]), ["commit", "acknowledge"]);
    assert_eq!(lane.acknowledged, lane.version);
    let asked = lane.trace.len();
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    lane.give(Input::Idle);
    assert!(lane.trace[asked..].is_empty(), "{:?}", lane.trace);
    lane.give(assigned(&[0]));
    assert_eq!(names(&lane.trace[asked..]), ["revoke", "acknowledge", "claim", "assign"]);
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert_eq!(lane.sink.commits, 2);
}

#[test]
fn stop_while_the_membership_is_about_to_change_ends_without_a_transaction() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Advance { split: 0, by: 2 });
    lane.give(Input::Rejoining);
    let asked = lane.trace.len();
    lane.give(Input::Stop);
    assert_eq!(names(&lane.trace[asked..]), ["finish"]);
}

#[test]
fn same_splits_in_a_new_generation_are_claimed_again() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    let asked = lane.trace.len();
    lane.give(assigned(&[0]));
    assert_eq!(names(&lane.trace[asked..]), ["revoke", "acknowledge", "claim", "assign"]);
}

#[test]
fn older_assignment_changes_nothing() {
    let state = ready();
    let event =
        Event::Assigned { version: AssignmentVersion(1), phase: Membership::Lost, splits: Vec::new() };
    let (after, effects) = step(state.clone(), event);
    assert_eq!((after, effects), (state, Vec::new()));
}

#[test]
fn loss_leaves_nothing_owned() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0, 1]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(LOST);
    assert!(lane.state.owned.is_empty());
    assert_eq!(lane.state.phase, Phase::Unassigned);
    assert_eq!(lane.acknowledged, lane.version);
}

#[test]
fn loss_whose_abort_fails_is_acknowledged_after_the_reset() {
    for disposition in [Disposition::Reconcile, Disposition::Retry, Disposition::Abort, Disposition::Fenced] {
        // Claim, assign, begin, write, revoke succeed; the abort does not.
        let mut faults = vec![Fault::None; 5];
        faults.push(failing(disposition));
        let mut lane = Harness::new(faults);
        lane.give(assigned(&[0]));
        lane.give(Input::Chunk { split: 0, records: 1 });
        lane.give(LOST);
        assert_eq!(lane.acknowledged, lane.version, "{disposition}: {:?}", names(&lane.trace));
        lane.give(assigned(&[0]));
        assert_eq!(lane.state.phase, Phase::Ready, "{disposition}");
    }
}

#[test]
fn reader_that_cannot_be_assigned_is_assigned_again() {
    let mut lane = Harness::new(vec![Fault::None, failing(Disposition::Retry)]);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert_eq!(lane.sink.commits, 1, "{:?}", names(&lane.trace));
}

#[test]
fn reader_that_cannot_be_revoked_does_not_hold_the_lane() {
    let mut lane = Harness::new(vec![Fault::None, Fault::None, failing(Disposition::Retry)]);
    lane.give(assigned(&[0]));
    lane.give(assigned(&[0, 1]));
    assert_eq!(lane.state.phase, Phase::Ready, "{:?}", names(&lane.trace));
    assert_eq!(lane.acknowledged, 2);
}

#[test]
fn chunk_that_goes_back_fails_the_lane() {
    let (state, _) = step(ready(), chunk(&split(0), 0, 5));
    let (_, effects) = step(state, chunk(&split(0), 5, 3));
    assert_eq!(names(&effects), ["abort", "fail"]);
}

#[test]
fn full_transaction_is_committed_with_its_last_chunk() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    let asked = lane.trace.len();
    lane.give(Input::Chunk { split: 0, records: 3 });
    lane.give(Input::Chunk { split: 0, records: 3 });
    assert_eq!(names(&lane.trace[asked..]), ["begin", "write", "write", "commit"]);
}

#[test]
fn committed_position_moves_with_the_answer_to_the_commit_only() {
    let (open, _) = step(ready(), chunk(&split(0), 0, 3));
    let (committing, effects) = step(open, Event::Due);
    assert_eq!(names(&effects), ["commit"]);
    assert_eq!(committing.owned[&split(0)].committed, at(&split(0), 0));
    let (committed, _) = step(committing, Event::Committed);
    assert_eq!(committed.owned[&split(0)].committed, at(&split(0), 3));
}

#[test]
fn failed_write_drops_the_commit_behind_it() {
    let mut faults = vec![Fault::None; 3];
    faults.push(failing(Disposition::Reconcile));
    let mut lane = Harness::new(faults);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 9 });
    assert_eq!(lane.sink.commits, 0);
    assert_eq!(
        names(&lane.trace)[2..],
        ["assign", "begin", "write", "revoke", "pause", "reset", "acknowledge", "claim", "assign"]
    );
}

#[test]
fn commit_whose_reply_is_lost_is_neither_repeated_nor_forgotten() {
    let mut faults = vec![Fault::None; 4];
    faults.push(Fault::Fails { disposition: Disposition::Reconcile, applied: true });
    let mut lane = Harness::new(faults);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 2 });
    lane.give(Input::Due);
    assert_eq!(lane.sink.position(&split(0)), (2, BatchId(1)));
    lane.give(Input::Chunk { split: 0, records: 2 });
    lane.give(Input::Due);
    assert_eq!(lane.sink.position(&split(0)), (4, BatchId(2)));
}

#[test]
fn fence_waits_for_a_newer_assignment_without_a_reset() {
    let mut faults = vec![Fault::None; 4];
    faults.push(failing(Disposition::Fenced));
    let mut lane = Harness::new(faults);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert_eq!(lane.state.phase, Phase::Superseded);
    assert!(!names(&lane.trace).contains(&"reset"));
    lane.give(Input::Chunk { split: 0, records: 1 });
    assert_eq!(lane.sink.commits, 0);
    lane.give(assigned(&[0]));
    assert_eq!(lane.state.phase, Phase::Ready);
}

#[test]
fn read_error_keeps_the_open_transaction() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::ReadFailed(Disposition::Retry));
    lane.give(Input::Due);
    assert_eq!(lane.sink.commits, 1);
}

#[test]
fn idle_position_is_committed_without_data() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Advance { split: 0, by: 7 });
    lane.give(Input::Idle);
    assert_eq!(lane.sink.position(&split(0)), (7, BatchId(1)));
}

#[test]
fn advanced_position_rides_with_the_next_transaction() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0, 1]));
    lane.give(Input::Advance { split: 0, by: 7 });
    lane.give(Input::Chunk { split: 1, records: 1 });
    lane.give(Input::Due);
    assert_eq!(lane.sink.position(&split(0)), (7, BatchId(1)));
    assert_eq!(lane.sink.position(&split(1)), (1, BatchId(1)));
}

#[test]
fn idle_without_an_advance_commits_nothing() {
    let (state, effects) = step(ready(), Event::Idle);
    assert_eq!((state, effects), (ready(), Vec::new()));
}

#[test]
fn last_end_commits_at_once_and_the_lane_is_quiet() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0, 1]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Ended(0));
    assert_eq!(lane.sink.commits, 0);
    assert!(!lane.state.is_quiet());
    lane.give(Input::Ended(1));
    assert_eq!(lane.sink.commits, 1);
    assert!(lane.state.is_quiet());
}

#[test]
fn lane_that_lost_its_membership_is_not_quiet() {
    let mut lane = Harness::new(Vec::new());
    assert!(!lane.state.is_quiet(), "nothing has been assigned yet");
    lane.give(assigned(&[0]));
    lane.give(LOST);
    assert!(!lane.state.is_quiet(), "what it owned may come back");
    lane.give(assigned(&[]));
    assert!(lane.state.is_quiet(), "others own everything");
}

#[test]
fn lane_with_an_uncommitted_end_is_not_quiet() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Advance { split: 0, by: 1 });
    lane.give(Input::Ended(0));
    assert!(!lane.state.is_quiet());
    lane.give(Input::Idle);
    assert!(lane.state.is_quiet());
}

#[test]
fn stop_with_an_open_transaction_hands_over_with_its_commit() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    let asked = lane.trace.len();
    lane.give(Input::Stop);
    assert_eq!(names(&lane.trace[asked..]), ["commit", "finish"]);
    let Effect::Commit(progress) = &lane.trace[asked] else { panic!("no commit") };
    assert!(progress.iter().all(|p| p.released));
}

#[test]
fn stop_does_not_wait_for_a_sink_that_is_away() {
    let mut faults = vec![Fault::None; 4];
    faults.push(failing(Disposition::Reconcile));
    let mut lane = Harness::new(faults);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Stop);
    assert!(lane.finished);
    assert!(!names(&lane.trace).contains(&"reset"));
}

#[test]
fn stop_while_an_answer_is_due_ends_with_that_answer() {
    let state = State::new(Limits { max_bytes: 100 });
    let event =
        Event::Assigned { version: AssignmentVersion(1), phase: Membership::Owned, splits: vec![split(0)] };
    let (claiming, _) = step(state, event);
    let (claiming, effects) = step(claiming, Event::Stop);
    assert!(effects.is_empty());
    let (stopped, effects) = step(claiming.clone(), Event::Claimed(Vec::new()));
    assert_eq!((stopped.phase, names(&effects)), (Phase::Stopped, vec!["finish"]));
    let failed = Event::Failed { during: During::Claim, disposition: Disposition::Reconcile };
    assert_eq!(step(claiming, failed).0.phase, Phase::Stopped);
}

#[test]
fn operator_error_rolls_back_and_stops() {
    for disposition in [Disposition::Reject, Disposition::Corrupt] {
        let (open, _) = step(ready(), chunk(&split(0), 0, 1));
        let (state, effects) = step(open, Event::Failed { during: During::Write, disposition });
        assert_eq!(state.phase, Phase::Stopped);
        assert_eq!(names(&effects), ["abort", "fail"]);
    }
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    for event in [Event::Claimed(Vec::new()), Event::Committed, Event::ResetDone, Event::Due, Event::Idle] {
        assert_eq!(step(ready(), event), (ready(), Vec::new()));
    }
}

#[test]
fn loss_owns_nothing_whatever_splits_it_names() {
    let event =
        Event::Assigned { version: AssignmentVersion(2), phase: Membership::Lost, splits: vec![split(0)] };
    let (state, effects) = step(ready(), event);
    assert_eq!((state.phase, names(&effects)), (Phase::Unassigned, vec!["revoke", "acknowledge"]));
}

#[test]
fn transaction_of_exactly_the_limit_is_full() {
    let mut lane = Harness::new(Vec::new());
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: MAX_BYTES / 10 });
    assert_eq!(lane.sink.commits, 1);
}

#[test]
fn pause_grows_with_failures_and_starts_again_after_a_commit() {
    let mut faults = vec![Fault::None; 2];
    faults.extend([failing(Disposition::Retry), Fault::None, failing(Disposition::Retry)]);
    let mut lane = Harness::new(faults);
    lane.give(assigned(&[0]));
    lane.give(Input::Chunk { split: 0, records: 1 });
    assert_eq!(lane.state.failures, 2);
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert_eq!((lane.sink.commits, lane.state.failures), (1, 0));
}

#[test]
fn position_goes_back_over_a_gap_only_and_is_committed_with_what_follows() {
    let back = || at(&split(0), 1);
    let (open, _) = step(ready(), chunk(&split(0), 0, 3));
    let (failed, _) = step(open.clone(), Event::Advance { split: split(0), next: back() });
    assert_eq!(failed.phase, Phase::Stopped, "without a gap it is a defect");
    let (gone_back, effects) = step(open, Event::Gap { split: split(0), next: back() });
    assert_eq!((gone_back.expected(&split(0)), effects), (Some(&back()), Vec::new()));
    let (open, effects) = step(gone_back, chunk(&split(0), 1, 2));
    assert_eq!(effects, [Effect::Write]);
    assert_eq!(check(&open), Ok(()));
    let (committing, effects) = step(open, Event::Due);
    assert_eq!(check(&committing), Ok(()));
    let [Effect::Commit(progress)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(progress.iter().map(|p| p.next.clone()).collect::<Vec<_>>(), [at(&split(0), 2)]);
    // Another split's position is none of this one.
    let (failed, _) = step(ready(), Event::Gap { split: split(0), next: at(&split(1), 0) });
    assert_eq!(failed.phase, Phase::Stopped);
    let (committed, _) = step(committing, Event::Committed);
    assert!(committed.owned.values().all(|owned| !owned.gap && owned.committed == at(&split(0), 2)));
}

#[test]
fn chunk_during_a_commit_changes_nothing() {
    let (open, _) = step(ready(), chunk(&split(0), 0, 1));
    let (committing, _) = step(open, Event::Due);
    assert_eq!(step(committing.clone(), chunk(&split(0), 1, 2)), (committing.clone(), Vec::new()));
    let advance = Event::Advance { split: split(0), next: at(&split(0), 2) };
    assert_eq!(step(committing.clone(), advance), (committing, Vec::new()));
}
