//! The list of cases, once: the table and the tests of every backend come from it.

use crate::state::{batch, expiry, faults, fencing};
use crate::store::{claims, commit, concurrency, delete, keys, list, puts, read, reopen, values, versions};
use crate::{Case, Lie};

/// Calls the macro `$then` of this crate with every case as `Group module::name Lie;`.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ($then:ident $($context:tt)*) => {
        $crate::$then! { $($context)*
            Contract read::read_absent_key_is_none InventsValues;
            Contract read::read_of_no_keys_is_empty InventsValues;
            Contract read::read_answers_in_the_order_of_the_question AnswersSorted;
            Contract read::read_keeps_the_place_of_absent_keys SkipsAbsent;
            Contract read::read_answers_a_repeated_key_each_time AnswersOnce;
            Contract read::read_after_commit_sees_it ReadsStale;
            Contract read::read_of_many_keys_answers_them_all AnswersSorted;
            Contract values::values_come_back_byte_for_byte StoresText;
            Contract values::an_empty_value_is_not_absent EmptyIsAbsent;
            Contract values::a_value_of_one_mebibyte_comes_back CutsValues;
            Contract values::a_value_of_the_claimed_size_comes_back CutsValues;
            Contract values::a_value_above_the_claimed_size_is_refused_whole TakesTooMuch;
            Contract keys::every_allowed_character_is_its_own_key FoldsKeys;
            Contract keys::a_key_of_512_bytes_differs_from_its_neighbour CutsKeys;
            Contract keys::a_key_may_be_the_prefix_of_another DeletesByPrefix;
            Contract commit::commit_to_an_absent_root_creates_it OnlyPretends;
            Contract commit::commit_with_the_standing_version_replaces_it GuessesVersions;
            Contract commit::commit_expecting_absence_conflicts_with_what_is_there CreateOverwrites;
            Contract commit::commit_with_a_stale_version_conflicts IgnoresVersions;
            Contract commit::commit_expecting_a_version_conflicts_with_absence ExpectedCreates;
            Contract commit::conflict_says_what_stands ConflictIsMute;
            Contract commit::conflict_leaves_the_root_and_its_version ConflictWrites;
            Contract commit::repeated_commit_is_applied RepeatConflicts;
            Contract commit::repeated_create_is_applied RepeatConflicts;
            Contract commit::repeated_commit_after_a_later_one_conflicts IgnoresVersions;
            Contract commit::roots_are_independent OneVersionForAll;
            Contract versions::the_answered_version_is_the_one_that_stands GuessesVersions;
            Contract versions::reading_does_not_change_the_version OneVersionForAll;
            Contract versions::every_write_has_a_new_version VersionIsContent;
            Contract versions::a_value_that_came_back_has_another_version VersionIsContent;
            Contract puts::puts_are_there_with_their_root PutsLate;
            Contract puts::puts_are_never_later_than_their_root PutsLate;
            Contract puts::many_puts_travel_in_one_commit DropsPuts;
            Contract puts::more_puts_than_claimed_are_refused_whole TakesTooMuch;
            Contract puts::an_equal_put_again_is_harmless RefusesEqualPuts;
            Contract puts::puts_of_a_conflict_can_be_committed_later RefusesPutsOfConflicts;
            Contract puts::handles_share_one_store OnlyPretends;
            Concurrency concurrency::of_eight_creators_exactly_one_wins ComparesThenSets;
            Concurrency concurrency::of_eight_writers_with_one_version_exactly_one_wins ComparesThenSets;
            Concurrency concurrency::no_increment_of_eight_counters_is_lost ComparesThenSets;
            Concurrency concurrency::reads_never_go_back ReadsStale;
            Concurrency concurrency::a_history_of_eight_clients_is_linearizable ReadsStale;
            Concurrency concurrency::a_history_of_eight_writers_never_forks ComparesThenSets;
            Contract delete::delete_removes_roots_and_puts NeverDeletes;
            Contract delete::delete_of_absent_keys_is_fine DeleteNeedsKey;
            Contract delete::delete_takes_nothing_else DeletesByPrefix;
            Contract delete::a_deleted_root_can_be_created_again BuriesKeys;
            Contract delete::delete_of_many_keys_removes_them_all NeverDeletes;
            Contract list::list_ascends_by_bytes ListsBackwards;
            Contract list::list_keeps_to_its_prefix WildcardPrefix;
            Contract list::list_starts_behind_after AfterIsIncluded;
            Contract list::list_gives_at_most_max IgnoresMax;
            Contract list::list_of_none_is_empty IgnoresMax;
            Contract list::pages_of_a_list_show_every_key_once AfterIsIncluded;
            Contract list::list_below_an_unused_prefix_is_empty ListsPhantoms;
            Contract list::list_shows_roots_and_puts HidesRoots;
            Contract claims::the_claim_never_changes ClaimWavers;
            Contract claims::the_claim_is_enough_for_a_ledger ClaimsNothing;
            Contract claims::attest_agrees_with_the_claim AttestRefuses;
            Contract claims::health_check_ends_by_its_deadline HealthHangs;
            Contract reopen::a_new_process_finds_what_was_acknowledged ForgetsOnReopen;
            Contract reopen::a_new_process_goes_on_with_the_versions RenumbersOnReopen;
            Fencing fencing::each_claim_has_a_higher_epoch_and_its_own_nonce OnlyPretends;
            Fencing fencing::a_claim_goes_above_the_epoch_that_its_claimant_knows ForgetsCommits;
            Fencing fencing::a_stale_owner_is_fenced_by_every_call_and_changes_nothing IgnoresVersions;
            Fencing fencing::owners_of_one_epoch_are_told_apart_by_their_nonce CountsVersions;
            Fencing fencing::of_eight_claimants_one_holds_the_task ComparesThenSets;
            Fencing fencing::a_root_that_was_deleted_is_a_loss_and_not_a_new_task ExpectedCreates;
            Fencing fencing::a_released_task_names_no_owner_and_keeps_its_epoch ReadsStale;
            Batch batch::ids_are_pending_until_their_batch_is_committed ForgetsCommits;
            Batch batch::a_new_owner_reads_what_its_predecessor_wrote StoresText;
            Batch batch::a_batch_of_many_chunks_is_whole_or_absent DropsPuts;
            Batch batch::a_full_chunk_of_ids_comes_back CutsValues;
            Batch batch::an_aborted_batch_leaves_no_ids ForgetsCommits;
            Batch batch::the_next_batch_begins_with_the_commit_of_the_last ForgetsCommits;
            Batch batch::a_checkpoint_travels_with_its_commit PutsLate;
            Batch batch::tasks_do_not_touch_each_other FoldsKeys;
            Expiry expiry::ids_expire_by_whole_buckets_and_their_chunks_are_deleted NeverDeletes;
            Expiry expiry::ids_of_a_younger_bucket_stay DeletesNeighbours;
            Expiry expiry::a_sweep_takes_the_garbage_of_its_own_task_alone WildcardPrefix;
            Expiry expiry::a_sweep_goes_through_every_page ListsFirstPage;
            Expiry expiry::a_checkpoint_that_fell_out_of_the_ring_is_deleted NeverDeletes;
            Expiry expiry::a_task_that_was_reset_can_be_claimed_again BuriesKeys;
            Faults faults::a_commit_repeated_after_a_lost_reply_is_applied RepeatConflicts;
            Faults faults::a_delete_repeated_after_a_lost_reply_is_fine DeleteNeedsKey;
            Faults faults::a_claim_whose_reply_was_lost_is_the_claimants OnlyPretends;
            Faults faults::a_lost_reply_of_any_batch_call_changes_nothing_twice ForgetsCommits;
            Faults faults::puts_that_arrived_without_their_root_can_be_sent_again RefusesEqualPuts;
            Faults faults::a_commit_that_arrives_late_changes_nothing IgnoresVersions;
            Faults faults::a_claim_that_arrives_late_takes_nothing_away CreateOverwrites;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (
        [$(#[$doc:meta])* $table:ident: $case:ty, $lies:ident]
        $($group:ident $module:ident::$name:ident $lie:ident;)+
    ) => {
        $(#[$doc])*
        pub const $table: &[$case] = &[$($crate::Case {
            group: $crate::Group::$group,
            name: stringify!($name),
            refutes: $lies::$lie,
            run: |fixture| Box::pin($module::$name(fixture)),
        },)+];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ([$factory:expr] $($group:ident $module:ident::$name:ident $lie:ident;)+) => {
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

/// As [`conformance!`], once for each [`Wrapper`](crate::Wrapper), in a module of its name. The argument is the name of such
/// a function.
#[macro_export]
macro_rules! conformance_through_wrappers {
    ($factory:ident) => {
        $crate::__through_wrappers! { conformance $factory }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __through_wrappers {
    ($suite:ident $factory:ident) => {
        $crate::__through_wrappers! { $suite $factory through_retries Retries }
        $crate::__through_wrappers! { $suite $factory through_metrics Metrics }
        $crate::__through_wrappers! { $suite $factory through_faults Faults }
    };
    ($suite:ident $factory:ident $module:ident $wrapper:ident) => {
        mod $module {
            async fn wrapped() -> impl $crate::Contract {
                $crate::Contract::behind(super::$factory().await, $crate::Wrapper::$wrapper)
            }
            $crate::$suite!(wrapped);
        }
    };
}

__store_cases! { __table [
    /// Every case of the contract of [`ConditionalStore`](velostream_core::ConditionalStore).
    STORE_CASES: Case, Lie
] }
