//! The list of cases, once: the table and the tests of every backend come from it.

use crate::store::{claims, commit, concurrency, delete, keys, list, puts, read, reopen, values, versions};
use crate::{Case, Lie};

/// Calls the macro `$then` of this crate with every case as `group::name Lie;`.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ($then:ident $($context:tt)*) => {
        $crate::$then! { $($context)*
            read::read_absent_key_is_none InventsValues;
            read::read_of_no_keys_is_empty InventsValues;
            read::read_answers_in_the_order_of_the_question AnswersSorted;
            read::read_keeps_the_place_of_absent_keys SkipsAbsent;
            read::read_answers_a_repeated_key_each_time AnswersOnce;
            read::read_after_commit_sees_it ReadsStale;
            read::read_of_many_keys_answers_them_all AnswersSorted;
            values::values_come_back_byte_for_byte StoresText;
            values::an_empty_value_is_not_absent EmptyIsAbsent;
            values::a_value_of_one_mebibyte_comes_back CutsValues;
            values::a_value_of_the_claimed_size_comes_back CutsValues;
            values::a_value_above_the_claimed_size_is_refused_whole TakesTooMuch;
            keys::every_allowed_character_is_its_own_key FoldsKeys;
            keys::a_key_of_512_bytes_differs_from_its_neighbour CutsKeys;
            keys::a_key_may_be_the_prefix_of_another DeletesByPrefix;
            commit::commit_to_an_absent_root_creates_it OnlyPretends;
            commit::commit_with_the_standing_version_replaces_it GuessesVersions;
            commit::commit_expecting_absence_conflicts_with_what_is_there CreateOverwrites;
            commit::commit_with_a_stale_version_conflicts IgnoresVersions;
            commit::commit_expecting_a_version_conflicts_with_absence ExpectedCreates;
            commit::conflict_says_what_stands ConflictIsMute;
            commit::conflict_leaves_the_root_and_its_version ConflictWrites;
            commit::repeated_commit_is_applied RepeatConflicts;
            commit::repeated_create_is_applied RepeatConflicts;
            commit::repeated_commit_after_a_later_one_conflicts IgnoresVersions;
            commit::roots_are_independent OneVersionForAll;
            versions::the_answered_version_is_the_one_that_stands GuessesVersions;
            versions::reading_does_not_change_the_version OneVersionForAll;
            versions::every_write_has_a_new_version VersionIsContent;
            versions::a_value_that_came_back_has_another_version VersionIsContent;
            puts::puts_are_there_with_their_root PutsLate;
            puts::puts_are_never_later_than_their_root PutsLate;
            puts::many_puts_travel_in_one_commit DropsPuts;
            puts::more_puts_than_claimed_are_refused_whole TakesTooMuch;
            puts::an_equal_put_again_is_harmless RefusesEqualPuts;
            puts::puts_of_a_conflict_can_be_committed_later RefusesPutsOfConflicts;
            puts::handles_share_one_store OnlyPretends;
            concurrency::of_eight_creators_exactly_one_wins ComparesThenSets;
            concurrency::of_eight_writers_with_one_version_exactly_one_wins ComparesThenSets;
            concurrency::no_increment_of_eight_counters_is_lost ComparesThenSets;
            concurrency::reads_never_go_back ReadsStale;
            concurrency::a_history_of_eight_clients_is_linearizable ReadsStale;
            concurrency::a_history_of_eight_writers_never_forks ComparesThenSets;
            delete::delete_removes_roots_and_puts NeverDeletes;
            delete::delete_of_absent_keys_is_fine DeleteNeedsKey;
            delete::delete_takes_nothing_else DeletesByPrefix;
            delete::a_deleted_root_can_be_created_again BuriesKeys;
            delete::delete_of_many_keys_removes_them_all NeverDeletes;
            list::list_ascends_by_bytes ListsBackwards;
            list::list_keeps_to_its_prefix WildcardPrefix;
            list::list_starts_behind_after AfterIsIncluded;
            list::list_gives_at_most_max IgnoresMax;
            list::list_of_none_is_empty IgnoresMax;
            list::pages_of_a_list_show_every_key_once AfterIsIncluded;
            list::list_below_an_unused_prefix_is_empty ListsPhantoms;
            list::list_shows_roots_and_puts HidesRoots;
            claims::the_claim_never_changes ClaimWavers;
            claims::the_claim_is_enough_for_a_ledger ClaimsNothing;
            claims::attest_agrees_with_the_claim AttestRefuses;
            claims::health_check_ends_by_its_deadline HealthHangs;
            reopen::a_new_process_finds_what_was_acknowledged ForgetsOnReopen;
            reopen::a_new_process_goes_on_with_the_versions RenumbersOnReopen;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    ($($group:ident::$name:ident $lie:ident;)+) => {
        /// Every case of the contract of [`ConditionalStore`](velostream_core::ConditionalStore).
        pub const STORE_CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            refutes: Lie::$lie,
            run: |fixture| Box::pin($group::$name(fixture)),
        },)+];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ([$factory:expr] $($group:ident::$name:ident $lie:ident;)+) => {
        $(
            #[test]
            fn $name() {
                $crate::run(stringify!($name), $factory);
            }
        )+
    };
}

/// Expands to one `#[test]` for each case of the store contract. The argument is a function without arguments that
/// returns a future of a [`Fixture`](crate::Fixture); each case calls it once.
#[macro_export]
macro_rules! conformance {
    ($factory:expr) => {
        $crate::__store_cases! { __tests [$factory] }
    };
}

__store_cases! { __table }
