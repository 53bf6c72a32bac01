//! Taking over, against a naive reading of the whole journal.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use velostream_protocol::kafka_lane::{Barrier, Fence, JournalEntry, Recovered};

const LANES: [&str; 3] = ["a", "b", "c"];
const OWN: &str = "a";

/// One record of the journal; `committed` only means something for progress.
#[derive(Debug, Clone)]
struct Record {
    entry: JournalEntry<i64>,
    committed: bool,
}

fn claim(lane: &str) -> Record {
    Record { entry: JournalEntry::Claim { lane: lane.into() }, committed: true }
}

fn progress(lane: &str, next: i64, committed: bool, released: bool) -> Record {
    Record { entry: JournalEntry::Progress { lane: lane.into(), released, progress: next }, committed }
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (0..LANES.len()).prop_map(|l| claim(LANES[l])),
        (0..LANES.len(), 0..100_i64, any::<bool>(), any::<bool>())
            .prop_map(|(l, next, committed, released)| progress(LANES[l], next, committed, released)),
    ]
}

fn lane_of(entry: &JournalEntry<i64>) -> &str {
    match entry {
        JournalEntry::Claim { lane } | JournalEntry::Progress { lane, .. } => lane,
    }
}

/// Reads everything of the journal into the barrier, in one order or another, some of it twice.
fn read(barrier: &mut Barrier<i64>, journal: &[Record], again: usize) {
    let offsets = (0..).zip(journal);
    for (offset, record) in offsets.clone().chain(offsets.clone().skip(again)) {
        barrier.observe_uncommitted(offset, &record.entry);
    }
    for (offset, record) in offsets.clone().skip(again).chain(offsets) {
        if record.committed {
            barrier.observe_committed(offset, &record.entry);
        }
    }
}

fn naive_position(journal: &[Record], claim: usize) -> Option<(i64, i64)> {
    (0..).zip(&journal[..claim]).filter(|(_, r)| r.committed).fold(None, |last, (offset, r)| match r.entry {
        JournalEntry::Progress { progress, .. } => Some((offset, progress)),
        JournalEntry::Claim { .. } => last,
    })
}

fn naive_fences(journal: &[Record], claim: usize, fenced_up_to: i64) -> BTreeSet<Fence> {
    let mut seen = BTreeMap::new();
    for (offset, record) in (0..).zip(&journal[..claim]) {
        seen.insert(lane_of(&record.entry).to_owned(), offset);
    }
    let newest = naive_position(journal, claim).map(|(offset, _)| offset);
    seen.into_iter()
        .filter(|(lane, at)| {
            let entry = &journal[usize::try_from(*at).expect("an offset")].entry;
            let handed_over =
                newest == Some(*at) && matches!(entry, JournalEntry::Progress { released: true, .. });
            lane != OWN && *at > fenced_up_to && !handed_over
        })
        .map(|(lane, seen_at)| Fence { lane, seen_at })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn barrier_finds_what_a_naive_reader_finds(
        before in proptest::collection::vec(record(), 0..20),
        behind in proptest::collection::vec(record(), 0..6),
        fenced_up_to in -1..20_i64,
        again in 0..20_usize,
    ) {
        let at = before.len();
        let mut journal = before;
        journal.push(claim(OWN));
        journal.extend(behind);
        let claim = i64::try_from(at).expect("a short journal");
        let mut barrier = Barrier::new(OWN.into(), claim, fenced_up_to);
        read(&mut barrier, &journal, again);
        prop_assert_eq!(barrier.recovered(), None, "nothing is known before the barrier is passed");
        barrier.read_committed_to(claim + 1, claim + 1);
        prop_assert_eq!(barrier.recovered(), Some(Recovered { progress: naive_position(&journal, at) }));
        let fences: BTreeSet<_> = barrier.fences().into_iter().collect();
        prop_assert_eq!(fences, naive_fences(&journal, at, fenced_up_to));
    }

    #[test]
    fn barrier_is_passed_only_by_reading_and_stability_past_the_own_claim(
        claim in 0..50_i64, position in 0..60_i64, stable in 0..60_i64,
    ) {
        let mut barrier = Barrier::<i64>::new(OWN.into(), claim, -1);
        barrier.read_committed_to(position, stable);
        prop_assert_eq!(barrier.recovered().is_some(), position > claim && stable > claim);
    }
}

fn fences(journal: &[Record], fenced_up_to: i64) -> Vec<String> {
    let claim = i64::try_from(journal.len()).expect("a short journal");
    let mut barrier = Barrier::new(OWN.into(), claim, fenced_up_to);
    read(&mut barrier, journal, 0);
    barrier.fences().into_iter().map(|f| f.lane).collect()
}

#[test]
fn every_claimant_since_the_last_progress_is_fenced_not_only_the_newest() {
    assert_eq!(fences(&[progress("b", 1, true, false), claim("c")], -1), ["b", "c"]);
}

#[test]
fn owner_that_handed_over_is_not_fenced() {
    assert_eq!(fences(&[claim("b"), progress("b", 1, true, true)], -1), [""; 0]);
}

#[test]
fn owner_whose_hand_over_was_aborted_is_fenced() {
    assert_eq!(fences(&[claim("b"), progress("b", 1, false, true)], -1), ["b"]);
}

#[test]
fn owner_that_claimed_again_after_its_hand_over_is_fenced() {
    assert_eq!(fences(&[progress("b", 1, true, true), claim("b")], -1), ["b"]);
}

#[test]
fn lane_fenced_by_an_earlier_claim_is_left_alone_until_it_shows_again() {
    assert_eq!(fences(&[claim("b"), claim(OWN)], 1), [""; 0]);
    assert_eq!(fences(&[claim("b"), claim(OWN), claim("b")], 1), ["b"]);
}

#[test]
fn own_lane_is_never_fenced() {
    assert_eq!(fences(&[claim(OWN), progress(OWN, 1, false, false)], -1), [""; 0]);
}

#[test]
fn progress_behind_the_own_claim_does_not_count() {
    let mut barrier = Barrier::new(OWN.into(), 1, -1);
    let late = progress("b", 9, true, false).entry;
    barrier.observe_committed(0, &progress("b", 4, true, false).entry);
    barrier.observe_committed(2, &late);
    barrier.observe_uncommitted(2, &late);
    barrier.read_committed_to(3, 3);
    assert_eq!(barrier.recovered(), Some(Recovered { progress: Some((0, 4)) }));
    assert_eq!(barrier.fences(), []);
}
