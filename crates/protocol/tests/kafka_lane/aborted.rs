//! The filter for aborted data against a log whose truth is known.

use proptest::prelude::*;
use velostream_protocol::kafka_lane::{AbortedFilter, BatchKind, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Plain,
    Data(i64),
    Commit(i64),
    Abort(i64),
}

#[derive(Debug, Clone)]
struct Batch {
    base: i64,
    last: i64,
    written: Written,
}

/// A log of batches of one to three records.
fn log(writes: &[(Written, i64)]) -> Vec<Batch> {
    let mut end = 0;
    writes
        .iter()
        .map(|(written, records)| {
            let control = matches!(written, Written::Commit(_) | Written::Abort(_));
            let base = end;
            end += if control { 1 } else { *records };
            Batch { base, last: end - 1, written: *written }
        })
        .collect()
}

/// The marker that ends the transaction of the batch at `index`.
fn outcome(log: &[Batch], index: usize, producer: i64) -> Option<Written> {
    log[index..]
        .iter()
        .map(|b| b.written)
        .find(|w| *w == Written::Commit(producer) || *w == Written::Abort(producer))
}

/// Producer and first offset of every aborted transaction that reaches into the fetched range, as a broker lists it.
fn aborted_index(log: &[Batch], from: usize, to: usize) -> Vec<(i64, i64)> {
    let mut open = std::collections::BTreeMap::new();
    let mut index = Vec::new();
    for (at, batch) in log.iter().enumerate() {
        match batch.written {
            Written::Plain => {}
            Written::Data(p) => {
                open.entry(p).or_insert((batch.base, at));
            }
            Written::Commit(p) => {
                open.remove(&p);
            }
            Written::Abort(p) => {
                if let Some((first, began)) = open.remove(&p)
                    && at >= from
                    && began < to
                {
                    index.push((p, first));
                }
            }
        }
    }
    index
}

/// Compares every fetch of every stable range.
fn judge_all(writes: &[(Written, i64)]) -> usize {
    let log = log(writes);
    let stable = log
        .iter()
        .enumerate()
        .position(|(at, b)| matches!(b.written, Written::Data(p) if outcome(&log, at, p).is_none()))
        .unwrap_or(log.len());
    let mut judged = 0;
    for from in 0..stable {
        let mut filter = AbortedFilter::new(aborted_index(&log, from, stable));
        for (at, batch) in log.iter().enumerate().take(stable).skip(from) {
            let (kind, expected) = match batch.written {
                Written::Plain => (BatchKind::Plain, Verdict::Deliver),
                Written::Data(producer_id) => {
                    let committed = outcome(&log, at, producer_id) == Some(Written::Commit(producer_id));
                    let verdict = if committed { Verdict::Deliver } else { Verdict::Skip };
                    (BatchKind::Transactional { producer_id }, verdict)
                }
                Written::Abort(producer_id) => (BatchKind::AbortMarker { producer_id }, Verdict::Skip),
                Written::Commit(_) => (BatchKind::OtherControl, Verdict::Skip),
            };
            assert_eq!(filter.judge(batch.last, kind), expected, "batch {at} read from {from} of {log:?}");
            judged += 1;
        }
    }
    judged
}

/// Every log of up to six batches by two producers.
#[test]
fn filter_agrees_with_every_short_log() {
    const WRITES: [Written; 7] = [
        Written::Plain,
        Written::Data(1),
        Written::Data(2),
        Written::Commit(1),
        Written::Commit(2),
        Written::Abort(1),
        Written::Abort(2),
    ];
    let mut judged = 0;
    for length in 1..=6_u32 {
        for mut number in 0..7_usize.pow(length) {
            let writes: Vec<_> = (0..length)
                .map(|_| {
                    let write = WRITES[number % 7];
                    number /= 7;
                    (write, 1)
                })
                .collect();
            judged += judge_all(&writes);
        }
    }
    assert!(judged > 100_000, "{judged} verdicts");
}

#[test]
fn producer_that_aborts_and_then_commits_under_the_same_id_is_delivered() {
    use Written::{Abort, Commit, Data};
    judge_all(&[(Data(1), 2), (Abort(1), 1), (Data(1), 3), (Commit(1), 1), (Data(1), 1), (Abort(1), 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filter_agrees_with_long_logs_of_many_producers(
        writes in proptest::collection::vec(
            (
                prop_oneof![
                    1 => Just(Written::Plain),
                    4 => (0..4_i64).prop_map(Written::Data),
                    2 => (0..4_i64).prop_map(Written::Commit),
                    2 => (0..4_i64).prop_map(Written::Abort),
                ],
                1..4_i64,
            ),
            0..60,
        ),
    ) {
        judge_all(&writes);
    }

    #[test]
    fn filter_never_skips_plain_batches_and_never_delivers_markers(
        aborted in proptest::collection::vec((any::<i64>(), any::<i64>()), 0..20),
        batches in proptest::collection::vec((any::<i64>(), 0..3_u8, any::<i64>()), 0..40),
    ) {
        let mut filter = AbortedFilter::new(aborted);
        for (last, kind, producer_id) in batches {
            match kind {
                0 => prop_assert_eq!(filter.judge(last, BatchKind::Plain), Verdict::Deliver),
                1 => prop_assert_eq!(filter.judge(last, BatchKind::AbortMarker { producer_id }), Verdict::Skip),
                _ => prop_assert_eq!(filter.judge(last, BatchKind::OtherControl), Verdict::Skip),
            }
        }
    }
}
