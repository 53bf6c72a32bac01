//! The verifier's own mutants: each fault that a replicator can make, planted in a copy of a topic, has to be reported
//! with its kind and its offset, and nothing else may be reported.

#![allow(clippy::cast_possible_wrap, clippy::indexing_slicing, reason = "a test of a thousand records")]

use proptest::prelude::*;
use velostream_verifier::{Comparer, Fingerprint, Item, Kind, Limits, Outcome, Side};

/// A record as the test writes it.
#[derive(Debug, Clone)]
struct Record {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    timestamp: i64,
}

impl Record {
    fn item(&self) -> Item {
        let headers = self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        Item::new(
            self.offset,
            Fingerprint::new(self.key.as_deref(), self.value.as_deref(), headers, self.timestamp),
        )
    }
}

const COUNT: usize = 1_000;

/// Source offsets 0.., sink offsets 10_000.. : so that a report that mixes the sides up is seen.
fn source() -> Vec<Record> {
    (0..COUNT)
        .map(|at| Record {
            offset: at as i64,
            key: (at % 3 != 0).then(|| format!("customer-{}", at % 7).into_bytes()),
            value: (at % 10 != 9)
                .then(|| if at % 10 == 8 { Vec::new() } else { format!("order {at}").into_bytes() }),
            headers: if at % 5 == 0 { vec![(b"trace".to_vec(), Some(vec![0xff, 1]))] } else { Vec::new() },
            timestamp: 1_700_000_000_000 + at as i64 / 4,
        })
        .collect()
}

fn renumber(mut records: Vec<Record>) -> Vec<Record> {
    for (at, record) in records.iter_mut().enumerate() {
        record.offset = 10_000 + at as i64;
    }
    records
}

fn compare_within(source: &[Record], sink: &[Record], window: usize) -> Outcome {
    let mut comparer = Comparer::new(Limits { window, examples: 1_000 });
    let (mut left, mut right) = (source.iter(), sink.iter());
    while let Some(side) = comparer.wants() {
        comparer.remaining(left.len() as u64, right.len() as u64);
        let next = if side == Side::Source { left.next() } else { right.next() };
        match next {
            Some(record) => comparer.feed(side, record.item()),
            None => comparer.end(side),
        }
    }
    let mut outcome = comparer.finish();
    if outcome.needs_explanation() {
        source.iter().for_each(|record| outcome.explain(&record.item()));
    }
    outcome
}

fn compare(source: &[Record], sink: Vec<Record>) -> Vec<(Kind, Option<i64>, Option<i64>)> {
    let outcome = compare_within(source, &renumber(sink), 64);
    assert_eq!(outcome.uncertain, 0);
    let found =
        outcome.findings.iter().map(|one| (one.kind, one.source_offset, one.sink_offset)).collect::<Vec<_>>();
    assert_eq!(outcome.counts.differences(), found.len() as u64);
    found
}

#[test]
fn faithful_copy_has_no_finding() {
    let outcome = compare_within(&source(), &renumber(source()), 64);
    assert_eq!(outcome.counts.matched, COUNT as u64);
    assert_eq!(outcome.counts.differences(), 0);
}

#[test]
fn mutant_one_duplicate_is_reported() {
    let mut sink = source();
    sink.insert(503, sink[500].clone());
    assert_eq!(compare(&source(), sink), [(Kind::Duplicated, Some(500), Some(10_503))]);
}

#[test]
fn mutant_one_loss_is_reported() {
    let mut sink = source();
    sink.remove(500);
    assert_eq!(compare(&source(), sink), [(Kind::Missing, Some(500), None)]);
}

#[test]
fn mutant_one_swap_is_reported() {
    let mut sink = source();
    sink.swap(500, 501);
    assert_eq!(compare(&source(), sink), [(Kind::Reordered, Some(501), Some(10_500))]);
}

#[test]
fn mutant_aborted_record_read_is_reported() {
    let mut sink = source();
    let aborted = Record { value: Some(b"never committed".to_vec()), key: None, ..sink[500].clone() };
    sink.insert(500, aborted);
    assert_eq!(compare(&source(), sink), [(Kind::Unexpected, None, Some(10_500))]);
}

#[test]
fn mutant_torn_batch_is_reported_record_by_record() {
    let mut sink = source();
    sink.drain(500..540);
    let expected: Vec<_> = (500..540).map(|offset| (Kind::Missing, Some(offset), None)).collect();
    assert_eq!(compare(&source(), sink), expected);
}

#[test]
fn mutant_changed_header_is_reported() {
    let mut sink = source();
    sink[500].headers[0].1 = Some(vec![0xff, 2]);
    assert_eq!(compare(&source(), sink), [(Kind::Changed, Some(500), Some(10_500))]);
}

#[test]
fn mutant_changed_timestamp_is_reported() {
    let mut sink = source();
    sink[500].timestamp += 1;
    assert_eq!(compare(&source(), sink), [(Kind::Changed, Some(500), Some(10_500))]);
}

#[test]
fn mutant_null_value_made_empty_is_reported() {
    let mut sink = source();
    sink[509].value = Some(Vec::new());
    assert_eq!(compare(&source(), sink), [(Kind::Changed, Some(509), Some(10_509))]);
    let mut sink = source();
    sink[508].value = None;
    assert_eq!(compare(&source(), sink), [(Kind::Changed, Some(508), Some(10_508))]);
}

#[test]
fn mutant_duplicate_of_the_last_record_is_reported() {
    let mut sink = source();
    sink.push(sink[COUNT - 1].clone());
    assert_eq!(compare(&source(), sink), [(Kind::Duplicated, Some(999), Some(11_000))]);
}

#[test]
fn mutant_loss_of_the_last_record_is_reported() {
    let mut sink = source();
    sink.pop();
    assert_eq!(compare(&source(), sink), [(Kind::Missing, Some(999), None)]);
}

#[test]
fn loss_wider_than_the_window_is_counted_exactly() {
    let mut sink = source();
    sink.drain(200..700);
    let outcome = compare_within(&source(), &renumber(sink), 64);
    assert_eq!((outcome.counts.missing, outcome.counts.differences()), (500, 500));
    assert!(outcome.uncertain > 0, "some were decided before all had been read");
}

#[test]
fn topic_written_twice_is_duplicates_and_not_foreign_records() {
    let mut sink = source();
    sink.extend(source());
    let outcome = compare_within(&source(), &renumber(sink), 512);
    assert_eq!((outcome.counts.matched, outcome.counts.duplicated), (1_000, 1_000));
    assert_eq!(outcome.counts.differences(), 1_000);
}

#[test]
fn record_delivered_far_too_early_and_again_in_place_is_a_duplicate() {
    let mut sink = source();
    sink.insert(100, sink[130].clone());
    assert_eq!(compare(&source(), sink), [(Kind::Duplicated, Some(130), Some(10_100))]);
}

#[test]
fn record_moved_back_far_is_one_reordered_record() {
    let mut sink = source();
    let moved = sink.remove(100);
    sink.insert(900, moved);
    assert_eq!(compare(&source(), sink), [(Kind::Reordered, Some(100), Some(10_900))]);
}

#[test]
fn every_timestamp_changed_is_all_changed() {
    let mut sink = source();
    sink.retain(|record| record.value.as_ref().is_some_and(|value| !value.is_empty()));
    let source = sink.clone();
    sink.iter_mut().for_each(|record| record.timestamp += 1_000_000);
    let outcome = compare_within(&source, &renumber(sink), 64);
    assert_eq!(outcome.counts.changed, source.len() as u64);
    assert_eq!(outcome.counts.differences(), source.len() as u64);
}

#[test]
fn lost_twin_is_one_missing_record() {
    let mut twins = source();
    for at in 400..410 {
        twins[at] = Record { offset: at as i64, ..twins[400].clone() };
    }
    let mut sink = twins.clone();
    sink.remove(405);
    let found = compare(&twins, sink);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Kind::Missing);
}

#[test]
fn empty_sides_are_told_apart() {
    assert_eq!(compare_within(&[], &[], 64).counts.differences(), 0);
    assert_eq!(compare_within(&source(), &[], 64).counts.missing, COUNT as u64);
    assert_eq!(compare_within(&[], &source(), 64).counts.unexpected, COUNT as u64);
}

/// An edit of the copy.
#[derive(Debug, Clone)]
enum Edit {
    Lose(usize, usize),
    Repeat(usize, usize, usize),
    Swap(usize, usize),
    Change(usize),
    Foreign(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0..300usize;
    prop_oneof![
        (at.clone(), 1..90usize).prop_map(|(at, count)| Edit::Lose(at, count)),
        (at.clone(), 1..90usize, at.clone()).prop_map(|(from, count, to)| Edit::Repeat(from, count, to)),
        (at.clone(), at.clone()).prop_map(|(one, other)| Edit::Swap(one, other)),
        at.clone().prop_map(Edit::Change),
        at.prop_map(Edit::Foreign),
    ]
}

fn apply(edit: &Edit, sink: &mut Vec<Record>, serial: i64) {
    let inside = |at: usize| at.min(sink.len().saturating_sub(1));
    match *edit {
        Edit::Lose(at, count) => {
            let at = at.min(sink.len());
            sink.drain(at..(at + count).min(sink.len()));
        }
        Edit::Repeat(from, count, to) => {
            let from = from.min(sink.len());
            let copy = sink[from..(from + count).min(sink.len())].to_vec();
            let to = to.min(sink.len());
            sink.splice(to..to, copy);
        }
        Edit::Swap(one, other) if !sink.is_empty() => {
            let (one, other) = (inside(one), inside(other));
            sink.swap(one, other);
        }
        Edit::Change(at) if !sink.is_empty() => {
            let at = inside(at);
            sink[at].timestamp += 1_000 + serial;
        }
        Edit::Foreign(at) => {
            let at = at.min(sink.len());
            let value = Some(format!("foreign {serial}").into_bytes());
            sink.insert(at, Record { offset: 0, key: None, value, headers: Vec::new(), timestamp: -serial });
        }
        Edit::Swap(..) | Edit::Change(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was done to the copy: every record of both sides is accounted for once, and a copy that differs is
    /// never called equal, whatever the window.
    #[test]
    fn every_record_is_accounted_for_once(
        edits in prop::collection::vec(edit(), 0..6),
        window in prop_oneof![Just(2usize), Just(8), Just(64), Just(4_096)],
        twins in any::<bool>(),
    ) {
        let mut original = source();
        original.truncate(300);
        if twins {
            for at in 0..original.len() {
                let twin = Record { offset: at as i64, ..original[at % 5].clone() };
                original[at] = twin;
            }
        }
        let mut sink = original.clone();
        for (serial, edit) in (1..).zip(&edits) {
            apply(edit, &mut sink, serial);
        }
        let sink = renumber(sink);
        let outcome = compare_within(&original, &sink, window);
        let counts = outcome.counts;
        let both = counts.matched + counts.reordered + counts.changed;
        prop_assert_eq!(both + counts.missing, original.len() as u64);
        prop_assert_eq!(both + counts.duplicated + counts.unexpected, sink.len() as u64);
        let same = original.len() == sink.len()
            && original.iter().zip(&sink).all(|(one, other)| Item::new(0, print_of(one)) == Item::new(0, print_of(other)));
        prop_assert_eq!(counts.differences() == 0, same);
    }

    /// A wide window and one edit: the kind is the edit's.
    #[test]
    fn one_edit_gives_only_its_kind(edit in edit()) {
        let mut original = source();
        original.truncate(300);
        let mut sink = original.clone();
        apply(&edit, &mut sink, 1);
        let outcome = compare_within(&original, &renumber(sink), 4_096);
        let kind = match edit {
            Edit::Lose(..) => Kind::Missing,
            Edit::Repeat(..) => Kind::Duplicated,
            Edit::Swap(..) => Kind::Reordered,
            Edit::Change(_) => Kind::Changed,
            Edit::Foreign(_) => Kind::Unexpected,
        };
        prop_assert_eq!(outcome.counts.of(kind), outcome.counts.differences(), "{:?}", outcome.findings);
    }
}

fn print_of(record: &Record) -> Fingerprint {
    let headers = record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
    Fingerprint::new(record.key.as_deref(), record.value.as_deref(), headers, record.timestamp)
}
