//! Ids that other jobs take from too: a lane writes only what it has taken, and waits with nothing in its hands.

use proptest::prelude::*;
use velostream_protocol::job::Effect;

use crate::harness::{Harness, Input};
use crate::properties::{disposition, fault, input, recoverable};

fn contended() -> impl Strategy<Value = Vec<Input>> {
    let one = prop_oneof![
        12 => input(),
        3 => (0..4_u8).prop_map(Input::OthersHold),
        1 => (0..6_usize).prop_map(Input::StoreLoses),
    ];
    proptest::collection::vec(one, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The harness asserts after each event that a lane which waits for ids has nothing open, and at each write that its
    /// ids were taken.
    #[test]
    fn lane_with_shared_ids_under_random_faults_writes_only_what_it_took_and_waits_with_nothing_open(
        inputs in contended(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
    ) {
        let mut lane = Harness::sharing(faults);
        lane.give_all(inputs);
    }

    #[test]
    fn lane_with_shared_ids_goes_on_once_nobody_else_holds_them(
        inputs in contended(),
        faults in proptest::collection::vec(fault(recoverable()), 0..60),
    ) {
        let mut lane = Harness::sharing(faults);
        lane.give_all(inputs);
        prop_assume!(!lane.finished);
        lane.come_to_rest();
        lane.expect_delivery();
    }

    #[test]
    fn stop_ends_a_lane_with_shared_ids_in_any_phase(
        inputs in contended(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
    ) {
        let mut lane = Harness::sharing(faults);
        lane.give_all(inputs);
        lane.expect_end();
    }
}

#[test]
fn chunk_whose_ids_another_job_has_is_written_after_what_was_open_is_committed_and_the_ids_are_free() {
    let mut lane = Harness::sharing(Vec::new());
    lane.give(Input::Assigned { lost: false, splits: vec![0] });
    lane.give(Input::Chunk { split: 0, records: 1 });
    let before = lane.trace.len();
    lane.give(Input::OthersHold(2));
    lane.give(Input::Chunk { split: 0, records: 1 });
    assert!(matches!(&lane.trace[before..], [Effect::Take, Effect::Remember(_), Effect::Commit(_)]));
    assert!(!lane.state.wants_input() && !lane.state.is_quiet());
    lane.give(Input::Idle);
    assert_eq!(lane.trace.last(), Some(&Effect::Take), "asked again, in vain");
    lane.give(Input::Idle);
    assert!(matches!(lane.trace[lane.trace.len() - 3..], [Effect::Take, Effect::Begin, Effect::Write]));
    assert!(lane.state.wants_input());
}

#[test]
fn chunk_that_waits_for_its_ids_is_dropped_with_its_split() {
    let mut lane = Harness::sharing(Vec::new());
    lane.give(Input::Assigned { lost: false, splits: vec![0] });
    lane.give(Input::OthersHold(1));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Rejoining);
    let before = lane.trace.len();
    lane.give(Input::Idle);
    assert_eq!(lane.trace.len(), before, "nothing is taken while the membership changes");
    lane.give(Input::Assigned { lost: false, splits: vec![1] });
    assert_eq!(lane.state.offer, None);
    assert!(lane.state.wants_input());
}
