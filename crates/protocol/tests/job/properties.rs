//! Random facts and random failures.

use proptest::prelude::*;
use velostream_core::Disposition;
use velostream_protocol::job::{Effect, Phase};

use crate::harness::{Fault, Harness, Input, SPLITS};

pub(crate) fn disposition() -> impl Strategy<Value = Disposition> {
    prop_oneof![
        3 => Just(Disposition::Retry),
        6 => Just(Disposition::Reconcile),
        3 => Just(Disposition::Abort),
        4 => Just(Disposition::Fenced),
        1 => Just(Disposition::Reject),
        1 => Just(Disposition::Corrupt),
    ]
}

pub(crate) fn recoverable() -> impl Strategy<Value = Disposition> {
    disposition()
        .prop_filter("needs no operator", |d| !matches!(d, Disposition::Reject | Disposition::Corrupt))
}

pub(crate) fn fault(disposition: impl Strategy<Value = Disposition>) -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => (disposition, any::<bool>())
            .prop_map(|(disposition, applied)| Fault::Fails { disposition, applied }),
    ]
}

pub(crate) fn input() -> impl Strategy<Value = Input> {
    let split = 0..SPLITS;
    prop_oneof![
        4 => proptest::collection::vec(0..SPLITS, 0..4)
            .prop_map(|splits| Input::Assigned { lost: false, splits }),
        1 => Just(Input::Assigned { lost: true, splits: Vec::new() }),
        1 => Just(Input::Rejoining),
        10 => (split.clone(), 1..4_u64).prop_map(|(split, records)| Input::Chunk { split, records }),
        3 => (split.clone(), 1..3_u64).prop_map(|(split, by)| Input::Advance { split, by }),
        1 => split.prop_map(Input::Ended),
        3 => Just(Input::Idle),
        3 => Just(Input::Due),
        1 => recoverable().prop_map(Input::ReadFailed),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    proptest::collection::vec(input(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The sink of the harness asserts: no write or commit outside a transaction or without a claim, no hole, no
    /// second write of a committed position, dense delivery numbers, positions that never go back.
    #[test]
    fn lane_under_random_faults_asks_only_for_what_is_allowed(
        inputs in inputs(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
        stop_at in proptest::option::of(0..60_usize),
    ) {
        let mut lane = Harness::new(faults);
        for (at, input) in inputs.into_iter().enumerate() {
            if stop_at == Some(at) {
                lane.give(Input::Stop);
            }
            lane.give(input);
        }
    }

    /// Liveness: once nothing fails any more, membership can always go on (every loss is acknowledged) and the lane
    /// reads or has stopped.
    #[test]
    fn lane_after_faults_end_is_ready_again(
        inputs in inputs(),
        faults in proptest::collection::vec(fault(recoverable()), 0..60),
    ) {
        let mut lane = Harness::new(faults);
        for input in inputs {
            lane.give(input);
        }
        lane.heal();
        // What a driver sees in any case: a wait that ends, a transaction that grows old.
        lane.give(Input::Due);
        lane.give(Input::Idle);
        prop_assert!(lane.may_assign(), "the loss is never acknowledged: {:?}", lane.trace);
        prop_assert!(
            matches!(lane.state.phase, Phase::Ready | Phase::Unassigned | Phase::Superseded),
            "waits for nothing: {:?}", lane.state
        );
        lane.give(Input::Assigned { lost: false, splits: vec![0, 1, 2] });
        lane.expect_delivery();
    }

    /// A chunk that does not start where the last one ended stops the lane, and nothing of it is committed.
    #[test]
    fn misplaced_chunk_fails_without_a_commit(
        inputs in inputs(),
        split in 0..SPLITS,
        by in prop_oneof![-3..0_i64, 1..3_i64],
    ) {
        let mut lane = Harness::new(Vec::new());
        lane.give(Input::Assigned { lost: false, splits: vec![0, 1, 2] });
        for input in inputs {
            lane.give(input);
        }
        let (asked, commits) = (lane.trace.len(), lane.sink.commits);
        lane.give(Input::Misplaced { split, by });
        if lane.trace.len() > asked {
            prop_assert_eq!(lane.trace.last(), Some(&Effect::Fail));
            prop_assert_eq!(lane.sink.commits, commits);
        }
    }

    /// A stop commits what is open, hands over, and ends, whatever fails on the way.
    #[test]
    fn stop_always_ends_the_lane(
        inputs in inputs(),
        faults in proptest::collection::vec(fault(disposition()), 0..60),
    ) {
        let mut lane = Harness::new(faults);
        for input in inputs {
            lane.give(input);
        }
        let open = matches!(lane.state.phase, Phase::Open(_)) && !lane.finished;
        let (asked, commits) = (lane.trace.len(), lane.sink.commits);
        lane.expect_end();
        if open {
            prop_assert_eq!(lane.sink.commits, commits + 1);
            let released = lane.trace[asked..].iter().all(|e| match e {
                Effect::Commit(progress) => progress.iter().all(|p| p.released),
                _ => true,
            });
            prop_assert!(released, "{:?}", &lane.trace[asked..]);
        }
    }
}
