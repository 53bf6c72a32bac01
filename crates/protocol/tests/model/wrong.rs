//! The protocol with one rule changed: the checker must find the way to harm.

use std::collections::BTreeSet;
use std::time::SystemTime;

use stateright::{Checker, HasDiscoveries, Model};
use velostream_protocol::kafka_lane::TransactionVersion::{self, V1, V2};

use super::actions::Action;
use super::checked::{NOTHING_LOST, ONCE, Replication};
use super::rules::{Budget, Rules, Wrong};

/// A way to a record that a reader sees twice, out of order, or never, and how far the search went.
#[allow(clippy::disallowed_methods, reason = "how long it took is told, never judged")]
fn harm(
    wrong: &[Wrong],
    version: TransactionVersion,
    records: u8,
    budget: Budget,
) -> (Option<(&'static str, Vec<Action>)>, String) {
    let began = SystemTime::now();
    let rules = Rules::right(version, records).breaking(wrong);
    let harm = BTreeSet::from([ONCE, NOTHING_LOST]);
    let checker = Replication { rules, budget, liveness: false }
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyOf(harm.clone()))
        .target_max_depth(DEPTH)
        .spawn_bfs()
        .join();
    let took = began.elapsed().unwrap_or_default().as_secs_f64();
    let effort = format!("{} unique states, {took:.1} s", checker.unique_state_count());
    let found = harm.into_iter().find_map(|property| Some((property, checker.discovery(property)?)));
    (found.map(|(property, path)| (property, path.into_actions())), effort)
}

/// Finds harm and prints the way to it.
fn refuted(wrong: &[Wrong], version: TransactionVersion, records: u8, budget: Budget) {
    let (found, effort) = harm(wrong, version, records, budget);
    let Some((property, actions)) = found else {
        panic!("{wrong:?} on {version:?} is not refuted: {effort}");
    };
    println!(
        "refuted: {wrong:?} on {version:?} after {} steps, {effort}: not true: {property}",
        actions.len()
    );
    for action in actions {
        println!("    {action:?}");
    }
}

/// Finds that another rule covers this one within these bounds.
fn covered(wrong: Wrong, version: TransactionVersion, records: u8, budget: Budget) {
    let (found, effort) = harm(&[wrong], version, records, budget);
    println!("covered: {wrong:?} alone on {version:?}: {effort}");
    assert_eq!(found, None, "{wrong:?} alone does harm");
}

/// Steps of the longest run looked at; the shortest way to harm is never longer than 33.
const DEPTH: usize = 40;

fn none() -> Budget {
    Budget::default()
}

#[test]
fn send_then_mark_is_refuted() {
    refuted(&[Wrong::SendThenMark], V2, 1, Budget { crashes: 1, ..none() });
}

#[test]
fn mark_before_send_is_refuted() {
    refuted(&[Wrong::MarkBeforeSend], V2, 2, Budget { crashes: 1, ..none() });
}

#[test]
fn position_only_in_the_store_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::PositionInStore], version, 1, Budget { crashes: 1, ..none() });
    }
}

/// Fencing by InitProducerId is for liveness only; where it comes late, nothing but the group's fence is left.
#[test]
fn no_fence_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::NoFence], version, 1, Budget { zombies: 1, late_fences: 1, ..none() });
    }
}

#[test]
fn membership_refreshed_inside_the_transaction_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::RefreshedMembership], version, 1, Budget { shuffles: 1, late_fences: 1, ..none() });
    }
}

#[test]
fn anonymous_commit_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::AnonymousCommit], version, 1, Budget { zombies: 1, late_fences: 1, ..none() });
    }
}

/// Each alone is covered by the other. Lanes that were told of the loss have dropped their splits before anybody
/// joins again, so that there is nothing to keep; and a split that is claimed again finds the true position, whoever
/// forgot to drop it. Without both the lane goes on where it was when it was lost.
#[test]
fn rejoin_before_the_drop_is_refuted_where_kept_splits_are_not_claimed_again() {
    let budget = Budget { zombies: 1, stops: 1, late_fences: 1, ..none() };
    covered(Wrong::RejoinBeforeDrop, V2, 1, budget);
    covered(Wrong::ClaimOnlyWhatIsNew, V2, 1, budget);
    refuted(&[Wrong::RejoinBeforeDrop, Wrong::ClaimOnlyWhatIsNew], V2, 1, budget);
}

#[test]
fn claim_only_of_what_is_new_is_refuted() {
    refuted(&[Wrong::ClaimOnlyWhatIsNew], V2, 1, Budget { shuffles: 2, late_fences: 1, ..none() });
}

#[test]
fn fence_before_progress_is_acknowledged_is_refuted() {
    for version in [V2, V1] {
        let budget = Budget { shuffles: 1, late_fences: 1, ..none() };
        refuted(&[Wrong::FenceBeforeAcknowledgement], version, 1, budget);
    }
}

#[test]
fn position_from_a_replaced_group_coordinator_is_refuted() {
    refuted(&[Wrong::PositionFromOffsetFetch], V2, 1, Budget { crashes: 1, ..none() });
}

#[test]
fn progress_read_to_the_last_stable_offset_only_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::StopAtLastStable], version, 1, Budget { shuffles: 1, late_fences: 1, ..none() });
    }
}

#[test]
fn claim_that_does_not_read_past_its_own_barrier_is_refuted() {
    refuted(&[Wrong::NoBarrier], V2, 1, Budget { shuffles: 1, ..none() });
}

#[test]
fn same_epoch_after_an_indefinite_end_on_v1_is_refuted() {
    refuted(&[Wrong::SameEpochAfterDoubt], V1, 2, Budget { losses: 1, ..none() });
}

#[test]
fn split_moved_between_lanes_without_init_is_refuted() {
    for version in [V2, V1] {
        refuted(&[Wrong::MoveWithoutInit], version, 1, Budget { moves: 1, late_fences: 1, ..none() });
    }
}

/// R14 needs more than the fence: a lane that was not told initializes itself, claims, and the membership of the one
/// worker that both lanes share lets it through.
#[test]
fn split_moved_from_a_lane_that_was_not_told_is_refuted() {
    let budget = Budget { moves: 2, late_fences: 1, ..none() };
    refuted(&[Wrong::MoveWithoutDrop], V2, 1, budget);
}

/// The protocol as it is, on a network that no TCP is: V1 has nothing that tells the second EndTxn from the next.
/// Hence on V1 no request is ever sent twice. On V2 copies are harmless (they are part of the right model).
#[test]
fn request_that_arrives_twice_is_refuted_on_v1() {
    refuted(&[], V1, 2, Budget { copies: 1, ..none() });
}

#[test]
fn start_policy_evaluated_at_the_claim_is_refuted() {
    refuted(&[Wrong::StartAtClaim], V2, 2, none());
}

/// Alone it does no harm: a zombie that resumes carries a generation that the group refuses, and the owner's own
/// outcome is never in doubt without a claim behind it. It doubles as soon as an EndTxn may be asked for again: the
/// answer "unknown id" is then taken for "not committed".
#[test]
fn writer_that_resumes_after_its_id_expired_is_refuted_where_an_end_is_asked_for_again() {
    let budget = Budget { losses: 1, expiries: 1, ..none() };
    covered(Wrong::ResumeAfterExpiry, V2, 1, Budget { zombies: 1, expiries: 1, ..none() });
    covered(Wrong::ResumeAfterExpiry, V2, 1, budget);
    covered(Wrong::SameEpochAfterDoubt, V2, 1, budget);
    refuted(&[Wrong::ResumeAfterExpiry, Wrong::SameEpochAfterDoubt], V2, 1, budget);
}
