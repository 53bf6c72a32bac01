//! One rule each.

use velostream_protocol::kafka_lane::{
    Effect, Event, Failure, Identity, Kind, Member, Misuse, Phase, State, TransactionVersion, step,
};

const ONE: Identity = Identity { id: 7, epoch: 1 };
const TWO: Identity = Identity { id: 7, epoch: 2 };
const DATA: Event = Event::Send { split: 0, kind: Kind::Data };
const PROGRESS: Event = Event::Send { split: 0, kind: Kind::Progress };

fn member() -> Member {
    Member { member_id: "worker-a".into(), generation: 4 }
}

fn begin() -> Event {
    Event::Begin { member: member(), owned: [0].into() }
}

/// The state after these events; none of them may be refused.
fn after(version: TransactionVersion, events: impl IntoIterator<Item = Event>) -> State {
    run(version, events).0
}

fn run(version: TransactionVersion, events: impl IntoIterator<Item = Event>) -> (State, Vec<Effect>) {
    events.into_iter().fold((State::new(version), Vec::new()), |(state, _), event| {
        step(state, event.clone()).unwrap_or_else(|misuse| panic!("{event:?}: {misuse}"))
    })
}

fn open() -> Vec<Event> {
    vec![Event::Initialized(ONE), begin()]
}

fn with(mut events: Vec<Event>, more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    events.extend(more);
    events
}

fn storing() -> Vec<Event> {
    with(open(), [DATA, PROGRESS, Event::Acknowledged, Event::Acknowledged, Event::Commit])
}

fn ending() -> Vec<Event> {
    with(storing(), [Event::Stored])
}

const BOTH: [TransactionVersion; 2] = [TransactionVersion::V1, TransactionVersion::V2];

#[test]
fn fence_waits_for_the_last_acknowledgement() {
    for version in BOTH {
        let waiting = with(open(), [DATA, PROGRESS, Event::Acknowledged, Event::Commit]);
        assert_eq!(run(version, waiting.clone()).1, []);
        let (state, effects) = run(version, with(waiting, [Event::Acknowledged]));
        assert_eq!(effects, [Effect::StoreOffsets(ONE, member())]);
        assert!(matches!(state.phase, Phase::Storing(_)));
    }
}

#[test]
fn end_of_transaction_follows_the_stored_offsets_only() {
    for version in BOTH {
        let (_, effects) = run(version, ending());
        assert_eq!(effects, [Effect::End { identity: ONE, commit: true }]);
        let refused = step(after(version, with(open(), [DATA, PROGRESS])), Event::Stored);
        assert!(matches!(refused, Err(Misuse::WrongPhase { .. })));
    }
}

#[test]
fn commit_of_data_without_progress_is_refused() {
    for version in BOTH {
        let state = after(version, with(open(), [DATA, Event::Acknowledged]));
        assert_eq!(step(state, Event::Commit), Err(Misuse::NoProgress(0)));
    }
}

#[test]
fn data_behind_its_own_progress_is_refused() {
    let state = after(TransactionVersion::V2, with(open(), [PROGRESS]));
    assert!(matches!(step(state, DATA), Err(Misuse::WrongPhase { .. })));
}

#[test]
fn data_behind_the_commit_is_refused() {
    let state = after(TransactionVersion::V2, with(open(), [PROGRESS, Event::Commit]));
    assert!(matches!(step(state, DATA), Err(Misuse::WrongPhase { .. })));
}

#[test]
fn split_outside_the_captured_membership_is_refused() {
    let state = after(TransactionVersion::V2, open());
    assert_eq!(step(state, Event::Send { split: 1, kind: Kind::Data }), Err(Misuse::NotOwned(1)));
}

#[test]
fn acknowledgement_of_nothing_is_refused() {
    let state = after(TransactionVersion::V2, open());
    assert_eq!(step(state, Event::Acknowledged), Err(Misuse::NothingSent));
}

#[test]
fn empty_transaction_costs_no_request() {
    for end in [Event::Commit, Event::Abort] {
        let (state, effects) = run(TransactionVersion::V2, with(open(), [end]));
        assert_eq!((state.phase, effects), (Phase::Ready(ONE), Vec::new()));
    }
}

#[test]
fn identity_after_a_commit_is_the_next_one_on_v2_and_the_same_on_v1() {
    let ended = with(ending(), [Event::Ended { next: Some(TWO) }]);
    assert_eq!(after(TransactionVersion::V2, ended.clone()).phase, Phase::Ready(TWO));
    assert_eq!(after(TransactionVersion::V1, ended).phase, Phase::Ready(ONE));
}

#[test]
fn identity_that_v2_did_not_renew_is_not_used_again() {
    let ended = with(ending(), [Event::Ended { next: None }]);
    assert_eq!(after(TransactionVersion::V2, ended).phase, Phase::Fresh);
}

#[test]
fn abort_on_v1_needs_a_new_identity() {
    let aborted = with(open(), [DATA, Event::Acknowledged, Event::Abort, Event::Ended { next: None }]);
    assert_eq!(after(TransactionVersion::V1, aborted).phase, Phase::Fresh);
}

#[test]
fn abort_with_batches_in_flight_is_doubt() {
    for version in BOTH {
        let (state, effects) = run(version, with(open(), [DATA, Event::Abort]));
        assert_eq!((state.phase, effects), (Phase::Doubt, vec![Effect::Disconnect]));
    }
}

#[test]
fn refused_membership_rolls_back_under_the_same_identity() {
    for version in BOTH {
        let (state, effects) = run(version, with(storing(), [Event::Failed(Failure::StaleMembership)]));
        assert_eq!(effects, [Effect::End { identity: ONE, commit: false }]);
        assert_eq!(state.phase, Phase::Ending { identity: ONE, commit: false });
    }
}

#[test]
fn refused_membership_after_the_fence_is_doubt() {
    let (state, effects) =
        run(TransactionVersion::V2, with(ending(), [Event::Failed(Failure::StaleMembership)]));
    assert_eq!((state.phase, effects), (Phase::Doubt, vec![Effect::Disconnect]));
}

#[test]
fn indefinite_result_in_any_phase_is_doubt_and_only_a_new_identity_leads_out() {
    let phases = [open(), with(open(), [DATA]), storing(), ending(), vec![Event::Initialized(ONE)]];
    for version in BOTH {
        for phase in phases.clone() {
            let doubt = after(version, with(phase, [Event::Failed(Failure::Indefinite)]));
            assert_eq!(doubt.phase, Phase::Doubt);
            for event in [begin(), DATA, Event::Acknowledged, Event::Commit, Event::Stored] {
                assert!(matches!(step(doubt.clone(), event), Err(Misuse::WrongPhase { .. })));
            }
            assert!(step(doubt.clone(), Event::Ended { next: Some(TWO) }).is_err());
            let (ready, _) = step(doubt, Event::Initialized(TWO)).expect("a new identity");
            assert_eq!(ready.phase, Phase::Ready(TWO));
        }
    }
}

#[test]
fn poison_that_is_alone_rolls_back_and_among_others_is_doubt() {
    let alone = with(open(), [DATA, Event::Failed(Failure::Poison)]);
    assert!(matches!(after(TransactionVersion::V2, alone).phase, Phase::Ending { commit: false, .. }));
    let among = with(open(), [DATA, DATA, Event::Failed(Failure::Poison)]);
    assert_eq!(after(TransactionVersion::V2, among).phase, Phase::Doubt);
}

#[test]
fn identity_in_the_middle_of_a_transaction_is_refused() {
    for phase in [open(), storing(), ending()] {
        let state = after(TransactionVersion::V2, phase);
        assert!(matches!(step(state, Event::Initialized(TWO)), Err(Misuse::WrongPhase { .. })));
    }
}

#[test]
fn second_transaction_begins_where_the_first_ended() {
    let again = with(ending(), [Event::Ended { next: Some(TWO) }, begin(), DATA]);
    assert_eq!(run(TransactionVersion::V2, again).1, [Effect::Produce(TWO)]);
}
