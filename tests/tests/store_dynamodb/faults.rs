//! Requests and replies that are lost, refusals, and a server that dies: typed errors, settled by reading or repeating.

use velostream_core::{ConditionalStore as _, Disposition, Outcome, Put, RootWrite};

use crate::Test;
use crate::seam::Fault;
use crate::stage::{CANARY, Mode, Stage, block_on};

pub(crate) const TESTS: &[Test] = &[
    ("commit_whose_reply_is_lost_is_reconcile_and_stands", reply_of_commit),
    ("commit_whose_request_is_lost_is_reconcile_and_does_not_stand", request_of_commit),
    ("commit_that_no_server_took_is_retry", refused_connection),
    ("commit_refused_by_another_regions_write_is_retry_and_does_not_stand", replicated_conflict),
    ("commit_answered_by_a_server_error_is_reconcile", server_error),
    ("put_whose_reply_is_lost_is_written_once", reply_of_put),
    ("read_list_and_delete_survive_one_lost_reply", other_replies),
    ("read_that_is_never_answered_is_retry", no_answers),
    ("refusal_shows_nothing_of_the_signed_request", secret),
    ("server_killed_leaves_a_known_outcome_after_its_return", killed),
];

fn root(prefix: &str, value: &'static str) -> RootWrite {
    RootWrite { key: format!("{prefix}root"), expected: None, value: value.into() }
}

fn reply_of_commit(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    block_on(async {
        seam.next("PutItem", Fault::LoseReply);
        let error = store.commit(&[], root(&prefix, "1")).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
        let found = store.read(&[&root(&prefix, "").key]).await.unwrap().remove(0).unwrap();
        assert_eq!(found.value, "1");
        let again = store.commit(&[], root(&prefix, "1")).await.unwrap();
        assert_eq!(again, Outcome::Applied(found.version));
    });
    assert_eq!(seam.left(), 0);
}

fn request_of_commit(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    block_on(async {
        seam.next("PutItem", Fault::LoseRequest);
        let error = store.commit(&[], root(&prefix, "1")).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
        assert_eq!(store.read(&[&root(&prefix, "").key]).await.unwrap(), [None]);
        assert!(matches!(store.commit(&[], root(&prefix, "1")).await.unwrap(), Outcome::Applied(_)));
    });
    assert_eq!(seam.left(), 0);
}

fn refused_connection(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    seam.next("PutItem", Fault::Refuse);
    let error = block_on(store.commit(&[], root(&prefix, "1"))).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry, "{error}");
}

fn replicated_conflict(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::Strong));
    block_on(async {
        seam.next("PutItem", Fault::error("ReplicatedWriteConflictException", "modified in another Region"));
        let error = store.commit(&[], root(&prefix, "1")).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        assert!(error.to_string().contains("ReplicatedWriteConflictException"), "{error}");
        assert_eq!(store.read(&[&root(&prefix, "").key]).await.unwrap(), [None]);
        assert!(matches!(store.commit(&[], root(&prefix, "1")).await.unwrap(), Outcome::Applied(_)));
    });
}

fn server_error(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    seam.next("PutItem", Fault::Answer(500, "{\"__type\":\"InternalServerError\"}".into()));
    let error = block_on(store.commit(&[], root(&prefix, "1"))).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reconcile, "{error}");
}

fn reply_of_put(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    block_on(async {
        let put = Put { key: format!("{prefix}put"), value: "p".into() };
        seam.next("PutItem", Fault::LoseReply);
        let outcome = store.commit(std::slice::from_ref(&put), root(&prefix, "1")).await.unwrap();
        assert!(matches!(outcome, Outcome::Applied(_)));
        assert_eq!(store.read(&[&put.key]).await.unwrap().remove(0).unwrap().value, "p");
    });
    assert_eq!(seam.left(), 0);
}

fn other_replies(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    block_on(async {
        store.commit(&[], root(&prefix, "1")).await.unwrap();
        let key = root(&prefix, "").key;
        for operation in ["GetItem", "BatchGetItem", "Query", "BatchWriteItem"] {
            seam.next(operation, Fault::LoseReply);
        }
        assert!(store.read(&[&key]).await.unwrap().remove(0).is_some());
        assert!(store.read(&[&key, "absent"]).await.unwrap().remove(0).is_some());
        assert_eq!(store.list(&prefix, None, 9).await.unwrap(), std::slice::from_ref(&key));
        store.delete(&[&key]).await.unwrap();
        assert_eq!(store.read(&[&key]).await.unwrap(), [None]);
    });
    assert_eq!(seam.left(), 0);
}

fn no_answers(stage: &mut Stage) {
    let (store, seam) = stage.store("velostream", Mode::One);
    for operation in ["GetItem", "BatchGetItem", "Query", "BatchWriteItem"] {
        seam.always(operation, Fault::LoseRequest);
    }
    block_on(async {
        let read = store.read(&["a"]).await.unwrap_err();
        let reads = store.read(&["a", "b"]).await.unwrap_err();
        let list = store.list("a/", None, 1).await.unwrap_err();
        for error in [read, reads, list] {
            assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        }
        let delete = store.delete(&["a"]).await.unwrap_err();
        assert_eq!(delete.disposition(), Disposition::Reconcile, "{delete}");
    });
}

fn secret(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    let said = format!("does not match.\\n\\nThe Canonical String was\\nx-amz-security-token:{CANARY}");
    seam.next("PutItem", Fault::error("InvalidSignatureException", &said));
    let error = block_on(store.commit(&[], root(&prefix, "1"))).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reject);
    let shown = format!("{error} {error:?} {}", error.remedy());
    assert!(!shown.contains(CANARY) && shown.contains("InvalidSignatureException"), "{shown}");
    assert!(!format!("{store:?}").contains(CANARY));
}

fn killed(stage: &mut Stage) {
    let (prefix, (store, _)) = (stage.prefix(), stage.store("velostream", Mode::One));
    let key = root(&prefix, "").key;
    let first = block_on(store.commit(&[], root(&prefix, "1"))).unwrap();
    stage.server().kill().unwrap();
    let error = block_on(store.commit(&[], root(&prefix, "2"))).unwrap_err();
    assert!(matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile), "{error}");
    let unwell = block_on(store.health_check(std::time::Duration::from_secs(5))).unwrap_err();
    assert_eq!(unwell.disposition(), Disposition::Retry, "{unwell}");
    stage.server().restart().unwrap();
    let found = block_on(store.read(&[&key])).unwrap().remove(0).unwrap();
    assert_eq!((found.value, Outcome::Applied(found.version)), ("1".into(), first));
}
