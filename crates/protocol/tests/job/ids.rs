//! Lanes whose ids are kept in a state store, under random facts, failures and losses of the store.
//!
//! The store of the harness asserts: no id counts whose record the sink has not committed, no position is in front of
//! an id that is missing; and whenever something is written, all that the sink holds is recognised.

use proptest::prelude::*;
use velostream_core::{BatchId, Claim, Disposition};
use velostream_protocol::job::{Effect, Known, Pending, Phase, Settlement, settle};

use crate::harness::{Fault, Harness, Input, at, split};
use crate::properties::{disposition, fault, input, recoverable};

fn lossy() -> impl Strategy<Value = Input> {
    prop_oneof![
        20 => input(),
        1 => (0..6_usize).prop_map(Input::StoreLoses),
        1 => Just(Input::StoreLoses(usize::MAX)),
    ]
}

fn lossy_inputs() -> impl Strategy<Value = Vec<Input>> {
    proptest::collection::vec(lossy(), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lane_with_ids_under_random_faults_and_losses_writes_only_while_all_that_the_sink_holds_is_recognised(
        inputs in lossy_inputs(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
    ) {
        let mut lane = Harness::tracking(faults);
        lane.give_all(inputs);
    }

    #[test]
    fn lane_with_ids_after_faults_end_is_ready_again(
        inputs in lossy_inputs(),
        faults in proptest::collection::vec(fault(recoverable()), 0..60),
    ) {
        let mut lane = Harness::tracking(faults);
        lane.give_all(inputs);
        // A split that ends in front of what was delivered of it is a defect of its source.
        prop_assume!(!lane.finished);
        lane.come_to_rest();
        lane.expect_delivery();
        lane.give(Input::Idle);
        prop_assert!(!lane.state.unconfirmed);
    }

    #[test]
    fn stop_ends_a_lane_with_ids_in_any_phase(
        inputs in lossy_inputs(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
    ) {
        let mut lane = Harness::tracking(faults);
        lane.give_all(inputs);
        lane.expect_end();
    }
}

#[test]
fn ids_are_pending_before_the_sink_commits_and_confirmed_with_what_follows_or_when_idle() {
    let mut lane = Harness::tracking(Vec::new());
    lane.give(Input::Assigned { lost: false, splits: vec![0] });
    lane.give(Input::Chunk { split: 0, records: 1 });
    let before = lane.trace.len();
    lane.give(Input::Due);
    assert!(matches!(&lane.trace[before..], [Effect::Remember(a), Effect::Commit(b)] if a == b));
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert!(!lane.trace.contains(&Effect::Confirm), "the next batch carries it along");
    lane.give(Input::Idle);
    assert_eq!(lane.trace.last(), Some(&Effect::Confirm));
    lane.give(Input::Idle);
    assert_eq!(lane.trace.iter().filter(|e| **e == Effect::Confirm).count(), 1);
}

#[test]
fn what_a_lane_saw_committed_counts_also_where_the_split_has_gone_to_another_worker() {
    let mut lane = Harness::tracking(Vec::new());
    lane.give(Input::Assigned { lost: false, splits: vec![0] });
    lane.give(Input::Chunk { split: 0, records: 2 });
    lane.give(Input::Due);
    lane.give(Input::Assigned { lost: false, splits: vec![1] });
    let known: Vec<_> = lane.store.known().into_iter().collect();
    assert_eq!(known, [(split(0), 0), (split(0), 1)]);
}

#[test]
fn refused_remember_rolls_the_transaction_back() {
    let claim_recover_assign_begin_write = 5;
    let mut faults = vec![Fault::None; claim_recover_assign_begin_write];
    faults.push(Fault::Fails { disposition: Disposition::Fenced, applied: false });
    let mut lane = Harness::tracking(faults);
    lane.give(Input::Assigned { lost: false, splits: vec![0] });
    lane.give(Input::Chunk { split: 0, records: 1 });
    lane.give(Input::Due);
    assert!(lane.trace.contains(&Effect::Abort), "{:?}", lane.trace);
    assert_eq!((lane.sink.commits, &lane.state.phase), (0, &Phase::Superseded));
}

fn claim(index: u8, position: u64) -> Claim {
    Claim { split: split(index), position: at(&split(index), position), batch: BatchId(1) }
}

fn pending(batch: u64, next: &[(u8, u64)]) -> Pending {
    let next = next.iter().map(|(s, o)| (split(*s), at(&split(*s), *o))).collect();
    Pending { batch: BatchId(batch), next }
}

#[test]
fn pending_batch_counts_where_the_sink_has_reached_every_position_of_it_that_is_claimed() {
    let settled = |next: &[(u8, u64)], claims: &[Claim]| {
        let positions = claims.iter().map(|c| (c.split.clone(), at(&c.split, 0))).collect();
        settle(&Known { positions, open: vec![pending(7, next)] }, claims).unwrap()
    };
    assert_eq!(settled(&[(0, 5), (1, 3)], &[claim(0, 5), claim(1, 3)]).confirm, [BatchId(7)]);
    // The other split was taken further by another owner since.
    assert_eq!(settled(&[(0, 5)], &[claim(0, 9)]).confirm, [BatchId(7)]);
    assert_eq!(settled(&[(0, 5), (1, 3)], &[claim(0, 5)]).confirm, [BatchId(7)]);
    for claims in [vec![claim(0, 4), claim(1, 3)], vec![claim(1, 2)], vec![claim(2, 9)]] {
        assert_eq!(settled(&[(0, 5), (1, 3)], &claims).abort, Some(BatchId(7)), "{claims:?}");
    }
}

#[test]
fn batches_behind_one_that_is_not_committed_are_forgotten_with_it() {
    let open = vec![pending(7, &[(0, 5)]), pending(8, &[(1, 1)])];
    let known =
        Known { positions: [(split(0), at(&split(0), 2)), (split(1), at(&split(1), 1))].into(), open };
    let settlement = settle(&known, &[claim(0, 2), claim(1, 1)]).unwrap();
    assert_eq!(settlement, Settlement { confirm: vec![], abort: Some(BatchId(7)), lost: vec![] });
}

#[test]
fn store_that_is_ahead_of_the_sink_is_unfit() {
    let known = Known { positions: [(split(0), at(&split(0), 9))].into(), open: vec![] };
    let unfit = settle(&known, &[claim(0, 4)]).unwrap_err();
    assert!(unfit.to_string().contains("orders-0@9") && unfit.to_string().contains("orders-0@4"), "{unfit}");
}
