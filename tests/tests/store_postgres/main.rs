//! The PostgreSQL store against real servers: the contract in both dialects, replies that are lost, servers that die,
//! a standby that takes over.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

mod conformance;
mod encrypted;
mod lost;
mod relay;
mod server;
mod shared;
mod standby;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use velostream_testkit::server_trial;
use velostream_testkit::services::foreign_url;

use server::TestServer;

/// A test on the shared server.
type Test = fn(&TestServer);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list || foreign_url("POSTGRES").is_some() {
        return libtest_mimic::run(&arguments, trials(None)).exit_code();
    }
    let server = Arc::new(TestServer::start());
    // The server outlives every test and is stopped when this function ends.
    libtest_mimic::run(&arguments, trials(Some(&server))).exit_code()
}

fn trials(server: Option<&Arc<TestServer>>) -> Vec<Trial> {
    let tests: [(&str, Test); 14] = [
        ("commit_whose_reply_is_lost_is_reconciled_and_stands", lost::commit_reply),
        ("commit_whose_request_is_lost_is_reconciled_and_repeated", lost::commit_request),
        ("commit_without_an_answer_ends_by_its_limit", lost::commit_held),
        ("reads_whose_reply_is_lost_are_retried", lost::reads),
        ("delete_whose_reply_is_lost_is_reconciled", lost::delete),
        ("commit_undone_by_40001_is_sent_again", lost::serialization_failures),
        ("commit_answered_by_40003_is_reconciled", lost::completion_unknown),
        ("commit_of_a_server_that_was_killed_stands_if_answered", lost::killed),
        ("shared_ids_answer_as_their_model", shared::model),
        ("shared_ids_under_serializable_answer_as_their_model", shared::model_of_cockroachdb),
        ("shared_ids_whose_reply_is_lost_are_repeated_with_one_effect", shared::replies),
        ("shared_ids_whose_request_is_lost_are_repeated_with_one_effect", shared::requests),
        ("shared_ids_without_an_answer_are_repeated_with_one_effect", shared::held),
        ("schema_of_the_release_before_is_upgraded", shared::upgrade),
    ];
    let mut trials = conformance::trials(server);
    for (name, test) in tests {
        let server = server.map(Arc::clone);
        trials.push(server_trial("POSTGRES", name, move || {
            server.as_deref().map(test);
            Ok(())
        }));
    }
    let alone: [(&str, fn()); 7] = [
        ("commit_that_a_synchronous_standby_has_survives_its_promotion", standby::promoted),
        ("attest_of_a_server_that_lost_its_settings_is_refused", standby::weakened),
        ("encrypted_server_of_a_trusted_authority_is_used", encrypted::trusted),
        ("encrypted_server_of_another_authority_is_rejected", encrypted::other_authority),
        ("encrypted_server_under_another_name_is_rejected", encrypted::other_name),
        ("server_that_wants_encryption_rejects_a_plain_connection", encrypted::plain_client),
        ("encrypted_connection_is_never_replaced_by_a_plain_one", encrypted::plain_server),
    ];
    trials.extend(alone.map(|(name, test)| {
        server_trial("POSTGRES", name, move || {
            test();
            Ok(())
        })
    }));
    trials
}
