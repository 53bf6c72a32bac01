//! Windows by the records' own times, against what they mean written down plainly: every record that was delivered, and
//! the latest of their times.

use proptest::prelude::*;
use velostream_core::ConditionalStore;

use super::lane::{Lane, Model, Timed, WINDOW, by_event_time};

#[derive(Debug, Clone)]
enum Op {
    Read(Timed),
    Commit,
    /// Dies with an open transaction, or with one that the store knows and the sink has not committed.
    Die {
        pending: bool,
    },
    /// Dies after the sink has committed what the store knows as pending.
    DieCommitted,
    /// Dies, and the store goes back to what it was that many commits ago.
    Lose {
        back: usize,
    },
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (0..5_u64, 0..150_i64).prop_map(Op::Read),
        4 => Just(Op::Commit),
        1 => any::<bool>().prop_map(|pending| Op::Die { pending }),
        1 => Just(Op::DieCommitted),
        1 => (0..6_usize).prop_map(|back| Op::Lose { back }),
    ]
}

async fn agrees_with_the_model(ops: &[Op], drift: i64) {
    let mut lane = Lane::new(by_event_time()).await;
    let (mut model, mut before) = (Model::default(), Model::default());
    let mut snapshots = vec![lane.rig.store.snapshot()];
    for (n, op) in (0..).zip(ops) {
        match op {
            Op::Read((value, jitter)) => {
                let record = (*value, n * drift + jitter);
                assert_eq!(lane.read(record).await, model.passes(record, WINDOW), "{record:?}, {model:?}");
                continue;
            }
            Op::Commit => lane.commit().await,
            Op::DieCommitted => {
                lane.commit().await;
                lane.start_again().await;
            }
            Op::Die { pending } => {
                if *pending {
                    lane.remember().await;
                }
                lane.start_again().await;
            }
            Op::Lose { back } => {
                let old = snapshots.len().saturating_sub(back + 1);
                lane.rig.store.roll_back(&snapshots[old]);
                snapshots.truncate(old + 1);
                lane.start_again().await;
            }
        }
        if lane.committed == lane.source.len() {
            before = model.clone();
            snapshots.push(lane.rig.store.snapshot());
            continue;
        }
        // What the sink does not hold is read again.
        model = before.clone();
        for record in lane.source.split_off(lane.committed) {
            assert_eq!(lane.read(record).await, model.passes(record, WINDOW), "again {record:?}, {model:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn record_passes_exactly_where_no_equal_one_lies_inside_its_window_whatever_happens_between(
        ops in proptest::collection::vec(any_op(), 1..120),
        drift in 0..12_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(agrees_with_the_model(&ops, drift));
    }
}

/// Each in a transaction of its own, and all in one.
async fn delivered(records: &[Timed]) -> Vec<bool> {
    let (mut apart, mut together) = (Lane::new(by_event_time()).await, Lane::new(by_event_time()).await);
    let mut passed = Vec::new();
    for record in records {
        passed.push(apart.read(*record).await);
        apart.commit().await;
        assert_eq!(together.read(*record).await, passed[passed.len() - 1], "{record:?}");
    }
    passed
}

#[tokio::test]
async fn window_reaches_to_both_sides_of_a_record_and_ends_to_the_millisecond() {
    // 1000 is the latest for long: what is older is judged by what is known, and what is later by how far it is.
    let seen =
        delivered(&[(1, 1000), (1, 901), (1, 1099), (2, 950), (2, 851), (2, 1049), (1, 1100), (2, 1050)]);
    assert_eq!(seen.await, [true, false, false, true, false, false, true, true]);
}

#[tokio::test]
async fn record_a_window_behind_the_latest_passes_again_and_again_and_is_counted() {
    let late = |n| format!("deduplication_late_records_total{{job=\"j\",instance=\"w\"}} {n}\n");
    let mut lane = Lane::new(by_event_time()).await;
    for (record, passes) in [
        ((1, 1000), true),
        ((2, 1100), true),
        ((1, 1000), true),
        ((1, 1000), true),
        ((1, 1001), true),
        ((1, 1001), false),
    ] {
        assert_eq!(lane.read(record).await, passes, "{record:?}");
    }
    assert!(lane.metrics.export_prometheus().contains(&late(0)), "not before they are committed");
    lane.commit().await;
    let text = lane.metrics.export_prometheus();
    assert!(text.contains(&late(2)), "{text}");
    assert!(text.contains("latest_timestamp_seconds{job=\"j\",instance=\"w\"} 1.1\n"), "{text}");
}

#[tokio::test]
async fn record_without_a_usable_time_is_as_old_as_its_delivery() {
    let mut lane = Lane::new(by_event_time()).await;
    // The clock stands at 1000 seconds; the last is in microseconds.
    for (record, passes) in [
        ((1, -1), true),
        ((1, 1_000_099), false),
        ((1, 999_901), false),
        ((1, 1_700_000_000_000_000), false),
        ((2, i64::MAX), true),
        ((2, 1_000_000), false),
    ] {
        assert_eq!(lane.read(record).await, passes, "{record:?}");
    }
}

#[tokio::test]
async fn ids_leave_the_store_once_they_are_a_window_behind_what_is_committed() {
    let mut lane = Lane::new(by_event_time()).await;
    for n in 0..50 {
        assert!(lane.read((n, i64::try_from(n).unwrap() * 40)).await);
        lane.commit().await;
        let listed = lane.rig.chunk_keys().await.len();
        assert!(listed <= 5, "{listed} chunks hold a window of three records");
    }
    let root = lane.rig.store.read(&["job.lane-0/root"]).await.unwrap();
    let bytes = root[0].as_ref().unwrap().value.len();
    assert!(bytes < 400, "{bytes} bytes of root");
}
