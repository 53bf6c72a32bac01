//! Random events against a shadow of what a broker would have seen.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use velostream_protocol::kafka_lane::{
    Effect, Event, Failure, Identity, Kind, Member, Misuse, Phase, State, TransactionVersion, step,
};

fn identity() -> impl Strategy<Value = Identity> {
    (0..3_i64, 0..4_i16).prop_map(|(id, epoch)| Identity { id, epoch })
}

fn member() -> impl Strategy<Value = Member> {
    prop_oneof![
        6 => (1..4_i32).prop_map(|generation| Member { member_id: "m".into(), generation }),
        1 => Just(Member { member_id: String::new(), generation: -1 }),
        1 => Just(Member { member_id: String::new(), generation: 3 }),
        1 => Just(Member { member_id: "m".into(), generation: -1 }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![2 => Just(Kind::Data), 1 => Just(Kind::Progress)];
    let failure = prop_oneof![
        Just(Failure::Indefinite),
        Just(Failure::StaleMembership),
        Just(Failure::Poison),
        Just(Failure::Denied)
    ];
    prop_oneof![
        4 => identity().prop_map(Event::Initialized),
        6 => (member(), proptest::collection::btree_set(0..3_u32, 0..4))
            .prop_map(|(member, owned)| Event::Begin { member, owned }),
        12 => (0..3_u32, kind).prop_map(|(split, kind)| Event::Send { split, kind }),
        12 => Just(Event::Acknowledged),
        6 => Just(Event::Commit),
        5 => Just(Event::Stored),
        5 => proptest::option::of(identity()).prop_map(|next| Event::Ended { next }),
        2 => Just(Event::Abort),
        2 => failure.prop_map(Event::Failed),
    ]
}

/// What must be true of the open transaction, told independently.
#[derive(Debug, Default)]
struct Shadow {
    member: Option<Member>,
    owned: BTreeSet<u32>,
    sent: BTreeMap<u32, Vec<Kind>>,
    unacknowledged: u32,
    commit_asked: bool,
    stored: bool,
}

impl Shadow {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Begin { member, owned } => {
                *self = Self { member: Some(member.clone()), owned: owned.clone(), ..Self::default() };
            }
            Event::Send { split, kind } => {
                self.sent.entry(*split).or_default().push(*kind);
                self.unacknowledged += 1;
            }
            Event::Acknowledged => self.unacknowledged -= 1,
            Event::Commit => self.commit_asked = true,
            Event::Stored => self.stored = true,
            _ => {}
        }
    }

    fn judge(&self, effect: &Effect, known: Option<Identity>) {
        match effect {
            Effect::Produce(identity) => {
                assert_eq!(Some(*identity), known);
                assert!(self.sent.keys().all(|s| self.owned.contains(s)), "an unowned split is written");
            }
            Effect::StoreOffsets(identity, member) => {
                assert_eq!(Some(*identity), known);
                assert_eq!(Some(member), self.member.as_ref(), "the membership was refreshed");
                assert!(member.is_real());
                assert!(self.commit_asked);
                assert_eq!(self.unacknowledged, 0, "the fence is asked before all is acknowledged");
                assert!(!self.sent.is_empty());
                let complete = self.sent.values().all(|kinds| kinds.last() == Some(&Kind::Progress));
                assert!(complete, "data without progress behind it: {:?}", self.sent);
            }
            Effect::End { commit: true, .. } => assert!(self.stored, "a commit without the fence"),
            Effect::End { .. } | Effect::Disconnect => {}
        }
    }
}

fn identity_of(phase: &Phase) -> Option<Identity> {
    match phase {
        Phase::Open(open) | Phase::Storing(open) => Some(open.identity),
        Phase::Ready(identity) | Phase::Ending { identity, .. } => Some(*identity),
        Phase::Fresh | Phase::Doubt => None,
    }
}

fn run(version: TransactionVersion, events: Vec<Event>) -> usize {
    let mut state = State::new(version);
    let mut shadow = Shadow::default();
    let mut known = None;
    let mut ends = 0;
    for event in events {
        let before = state.clone();
        let Ok((after, effects)) = step(before.clone(), event.clone()) else { continue };
        shadow.observe(&event);
        match &event {
            Event::Initialized(identity) => known = Some(*identity),
            Event::Ended { next: Some(next) } if version == TransactionVersion::V2 => known = Some(*next),
            _ => {}
        }
        for effect in &effects {
            shadow.judge(effect, known);
            ends += usize::from(matches!(effect, Effect::End { commit: true, .. }));
        }
        if before.phase == Phase::Doubt && after.phase != Phase::Doubt {
            assert!(matches!(event, Event::Initialized(_)), "doubt is left by {event:?}");
        }
        if before.phase != Phase::Doubt && after.phase == Phase::Doubt {
            assert!(effects.contains(&Effect::Disconnect), "doubt keeps its connections");
        }
        if let Some(identity) = identity_of(&after.phase) {
            assert_eq!(Some(identity), known, "an identity that nobody gave");
        }
        assert_eq!(after.version, version);
        state = after;
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn writer_on_either_protocol_keeps_its_rules_under_any_events(
        events in proptest::collection::vec(event(), 0..300),
        second in any::<bool>(),
    ) {
        run(if second { TransactionVersion::V2 } else { TransactionVersion::V1 }, events);
    }

    #[test]
    fn membership_that_is_anonymous_is_refused(owned in proptest::collection::btree_set(0..3_u32, 0..4)) {
        for (member_id, generation) in [("", -1), ("", 1), ("m", -1)] {
            let state = State { version: TransactionVersion::V2, phase: Phase::Ready(Identity { id: 1, epoch: 0 }) };
            let member = Member { member_id: member_id.into(), generation };
            prop_assert_eq!(step(state, Event::Begin { member, owned: owned.clone() }), Err(Misuse::Anonymous));
        }
    }
}

/// The random walk is no walk around the interesting part.
#[test]
fn random_events_reach_many_commits() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let events = proptest::collection::vec(event(), 300);
    let commits: usize = (0..1_000)
        .map(|_| events.new_tree(&mut runner).expect("events").current())
        .map(|events| run(TransactionVersion::V2, events))
        .sum();
    assert!(commits >= 200, "{commits} commits in 1,000 histories");
}
