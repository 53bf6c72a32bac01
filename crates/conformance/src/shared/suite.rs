//! The list of cases of shared ids, once.

use super::{
    SharedFixture, SharedLie, concurrency, delivered, entry, expiry, ids, leaving, members, notes, reopen,
    settling, taking, turns,
};
use crate::Case;

/// Calls the macro `$then` of this crate with every case as `Group module::name Lie;`.
#[doc(hidden)]
#[macro_export]
macro_rules! __shared_cases {
    ($then:ident $($context:tt)*) => {
        $crate::$then! { $($context)*
            Shared taking::the_first_of_two_takers_holds_an_id HandsOutTwice;
            Shared taking::a_held_id_names_its_holder NamesTheAsker;
            Shared taking::a_taking_that_meets_a_held_id_takes_nothing TakesInParts;
            Shared taking::a_long_taking_that_meets_a_held_id_takes_nothing TakesInParts;
            Shared taking::an_id_that_its_member_holds_stays_its_own ForgetsOwnHold;
            Shared taking::an_id_twice_in_one_taking_is_answered_alike AnswersOnce;
            Shared taking::answers_of_a_taking_come_in_the_order_of_the_question AnswersSorted;
            Shared taking::a_taking_of_nothing_is_empty InventsAnswers;
            Shared taking::a_taking_of_ten_thousand_ids_is_whole CutsTakings;
            Shared taking::total_counts_held_and_delivered_ids_once SumsTotals;
            Shared taking::total_forgets_what_was_released TotalNeverFalls;
            Shared taking::members_of_one_set_share_ids ASetForEach;
            Shared ids::ids_of_any_bytes_are_their_own FoldsIds;
            Shared ids::ids_that_differ_in_any_bit_are_two CutsIds;
            Shared ids::ids_that_differ_behind_a_zero_byte_are_two EndsIdsAtZero;
            Shared delivered::a_delivered_id_is_not_taken_again RetakesDelivered;
            Shared delivered::a_delivered_id_says_when_it_was_delivered RoundsTimes;
            Shared delivered::a_released_id_can_be_taken_by_another DeliversReleased;
            Shared delivered::an_id_delivered_at_the_moment_of_expiry_is_taken_again KeepsTheMoment;
            Shared delivered::an_id_delivered_a_millisecond_after_expiry_is_not_taken ExpiresEarly;
            Shared delivered::an_id_taken_again_forgets_when_it_was_delivered RemembersOldTimes;
            Shared turns::a_taking_of_an_earlier_owner_changes_nothing IgnoresTurns;
            Shared turns::a_promise_of_an_earlier_owner_changes_nothing IgnoresTurns;
            Shared turns::a_settlement_of_an_earlier_owner_changes_nothing IgnoresTurns;
            Shared turns::a_call_that_arrives_after_its_settlement_changes_nothing IgnoresNumbers;
            Shared turns::a_call_of_a_turn_to_come_changes_nothing IgnoresNumbers;
            Shared turns::a_call_of_another_nonce_changes_nothing IgnoresNonces;
            Shared turns::a_call_of_another_epoch_changes_nothing IgnoresEpochs;
            Shared turns::a_stale_call_says_which_turn_stands StaleIsMute;
            Shared entry::a_member_that_never_entered_is_unknown InventsMembers;
            Shared entry::a_call_of_an_unknown_member_is_stale AdmitsUnknown;
            Shared entry::the_first_entry_finds_nothing EntryCountsOthers;
            Shared entry::an_owner_of_a_higher_epoch_enters ComparesAsText;
            Shared entry::numbers_of_a_turn_come_back_in_full RoundsNumbers;
            Shared entry::an_owner_of_a_lower_epoch_cannot_enter LowerEpochEnters;
            Shared entry::of_two_owners_of_one_epoch_the_second_cannot_enter SecondEnters;
            Shared entry::the_same_owner_enters_again_and_its_turn_grows EntryKeepsTheTurn;
            Shared entry::entry_keeps_what_is_held EntryReleases;
            Shared entry::entry_keeps_what_was_promised EntryDropsPromise;
            Shared entry::entry_keeps_the_note_of_the_last_settlement EntryDropsNote;
            Shared entry::entry_answers_what_the_set_knows EntryIsMute;
            Shared entry::a_new_owner_can_deliver_what_its_predecessor_held EntryReleases;
            Shared entry::a_new_owner_can_release_what_its_predecessor_held DeliversReleased;
            Shared settling::a_settlement_answers_the_turn_that_stands AnswersTheOldTurn;
            Shared settling::a_settlement_delivers_the_ids_of_every_taking_before_it SettlesTheLastTaking;
            Shared settling::a_repeated_settlement_changes_nothing_twice SettlesAgain;
            Shared settling::a_settlement_two_turns_late_changes_nothing IgnoresNumbers;
            Shared settling::a_settlement_leaves_what_others_hold SettlesForAll;
            Shared settling::a_settlement_of_nothing_keeps_its_note NeedsHeldIds;
            Shared settling::held_counts_what_is_not_settled SumsHeld;
            Shared notes::a_settlement_keeps_its_note_and_drops_the_promise KeepsPromises;
            Shared notes::a_release_keeps_the_note_of_the_settlement_before_it ReleaseDropsNote;
            Shared notes::a_release_drops_the_promise KeepsPromises;
            Shared notes::a_later_promise_replaces_the_earlier_one FirstPromiseStays;
            Shared notes::notes_come_back_byte_for_byte StoresText;
            Shared notes::an_empty_note_is_not_absent EmptyNoteIsAbsent;
            Shared members::members_are_listed_sorted ListsBackwards;
            Shared members::members_of_a_set_that_nobody_entered_are_none ListsPhantoms;
            Shared members::members_of_other_sets_are_not_listed OneSetForAll;
            Shared members::ids_of_other_sets_are_not_shared OneSetForAll;
            Shared members::one_name_in_two_sets_is_two_members OneSetForAll;
            Shared members::every_allowed_character_is_its_own_name FoldsNames;
            Shared members::names_that_look_alike_when_joined_are_two JoinsNames;
            Shared members::a_name_of_200_bytes_differs_from_its_neighbour CutsNames;
            Shared leaving::leaving_releases_what_is_held NeverLeaves;
            Shared leaving::leaving_keeps_what_was_delivered LeaveForgetsDelivered;
            Shared leaving::a_member_that_left_is_unknown LeaveOnlyReleases;
            Shared leaving::a_call_of_a_member_that_left_is_stale AdmitsUnknown;
            Shared leaving::a_member_that_left_can_enter_again BuriesMembers;
            Shared leaving::leaving_takes_nothing_of_others SettlesForAll;
            Shared leaving::leaving_again_is_fine LeaveNeedsMember;
            Shared expiry::expiry_removes_what_was_delivered_at_or_before_the_time KeepsTheMoment;
            Shared expiry::expiry_leaves_what_was_delivered_later ExpiresEarly;
            Shared expiry::expiry_says_how_many_are_left CountsDelivered;
            Shared expiry::expiry_says_when_the_oldest_was_delivered InventsOldest;
            Shared expiry::expiry_of_a_set_that_nobody_entered_is_nothing InventsOldest;
            Shared expiry::expiry_of_one_set_leaves_the_others OneSetForAll;
            Shared expiry::an_expired_id_can_be_taken_anew NeverExpires;
            Shared expiry::expiry_again_removes_nothing_more SumsExpired;
            Shared expiry::expiry_of_many_ids_removes_them_all ExpiresFew;
            Shared expiry::what_is_held_never_expires ExpiresHeld;
            Shared reopen::a_new_process_finds_what_is_held_and_delivered ForgetsOnReopen;
            Shared reopen::a_new_process_finds_members_turns_and_notes ForgetsOnReopen;
            Shared concurrency::each_id_of_eight_jobs_is_delivered_by_exactly_one ComparesThenTakes;
            Shared concurrency::jobs_that_wait_with_empty_hands_all_come_to_their_end TakesInParts;
            Shared concurrency::of_eight_owners_of_one_member_the_highest_epoch_stands LowerEpochEnters;
            Shared concurrency::of_eight_owners_of_one_epoch_exactly_one_enters SecondEnters;
        }
    };
}

/// Expands to one `#[test]` for each case of the contract of shared ids. The argument is a function without arguments
/// that returns a future of a [`SharedFixture`](crate::SharedFixture); each case calls it once.
#[macro_export]
macro_rules! shared_conformance {
    ($factory:expr) => {
        $crate::__shared_cases! { __tests [$factory] }
    };
}

/// As [`shared_conformance!`], once for each [`Wrapper`](crate::Wrapper), in a module of its name. The argument is the name
/// of such a function.
#[macro_export]
macro_rules! shared_conformance_through_wrappers {
    ($factory:ident) => {
        $crate::__through_wrappers! { shared_conformance $factory }
    };
}

__shared_cases! { __table [
    /// Every case of the contract of [`SharedIds`](velostream_core::SharedIds).
    SHARED_CASES: Case<SharedFixture, SharedLie>, SharedLie
] }
