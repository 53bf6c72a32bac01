//! Shared ids whose replies are lost: certain once the call is repeated, and nothing is done twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]

use std::fmt::Debug;

use velostream_core::{
    Disposition, Epoch, Expired, InTurn, Member, Nonce, Result, Settlement, SharedIds, Taking, Turn,
};
use velostream_store_memory::{Fault, MemoryStore};

const IDS: [[u8; 16]; 3] = [[1; 16], [2; 16], [3; 16]];

/// A member that holds the ids, and its turn.
async fn holder() -> (MemoryStore, Member, Turn) {
    let (store, member) = (MemoryStore::new(), Member::new("set", "m").unwrap());
    let InTurn::Done(state) = store.enter(&member, Epoch(1), Nonce(1)).await.unwrap() else {
        panic!("stale")
    };
    store.take(&member, state.turn, &IDS, 0).await.unwrap();
    (store, member, state.turn)
}

fn delivered() -> Settlement {
    Settlement::Delivered { at_ms: 5, note: "note".into() }
}

/// Lost on the way there and on the way back, then repeated: the answer is that of a call that was not lost, and so is
/// what the set holds.
async fn repeated_is_as_once<T: Debug + PartialEq>(
    call: impl AsyncFn(&MemoryStore, &Member, Turn) -> Result<T>,
) {
    let (undisturbed, member, turn) = holder().await;
    let wanted = call(&undisturbed, &member, turn).await.unwrap();
    for fault in [Fault::NotReached, Fault::Lost, Fault::ReplyLost] {
        let (store, member, turn) = holder().await;
        store.script_commits([fault]);
        let error = call(&store, &member, turn).await.unwrap_err();
        let disposition =
            if fault == Fault::NotReached { Disposition::Retry } else { Disposition::Reconcile };
        assert_eq!(error.disposition(), disposition, "{fault:?}");
        assert_eq!(call(&store, &member, turn).await.unwrap(), wanted, "{fault:?}");
        assert_eq!(store.snapshot(), undisturbed.snapshot(), "{fault:?}");
    }
}

#[tokio::test]
async fn take_repeated_after_a_lost_reply_is_answered_as_once() {
    repeated_is_as_once(async |store, member, turn| store.take(member, turn, &[IDS[0], [9; 16]], 0).await)
        .await;
}

#[tokio::test]
async fn promise_repeated_after_a_lost_reply_is_answered_as_once() {
    repeated_is_as_once(async |store, member, turn| store.promise(member, turn, "note".into()).await).await;
}

#[tokio::test]
async fn settle_repeated_after_a_lost_reply_is_answered_as_once() {
    repeated_is_as_once(async |store, member, turn| store.settle(member, turn, delivered()).await).await;
    repeated_is_as_once(async |store, member, turn| store.settle(member, turn, Settlement::Released).await)
        .await;
}

#[tokio::test]
async fn leave_repeated_after_a_lost_reply_is_answered_as_once() {
    repeated_is_as_once(async |store, member, _| store.leave(member).await).await;
}

/// An entry that was applied counts: the repeated one begins the turn after it, and finds the same.
#[tokio::test]
async fn enter_repeated_after_a_lost_reply_enters_with_what_it_would_have_found() {
    for (fault, number) in [(Fault::NotReached, 2), (Fault::Lost, 2), (Fault::ReplyLost, 3)] {
        let (store, member, turn) = holder().await;
        store.promise(&member, turn, "promised".into()).await.unwrap();
        store.script_commits([fault]);
        store.enter(&member, Epoch(2), Nonce(2)).await.unwrap_err();
        let InTurn::Done(state) = store.enter(&member, Epoch(2), Nonce(2)).await.unwrap() else {
            panic!("stale")
        };
        assert_eq!(state.turn, Turn { epoch: Epoch(2), nonce: Nonce(2), number }, "{fault:?}");
        assert_eq!((state.held, state.promised.as_deref()), (3, Some(&b"promised"[..])), "{fault:?}");
    }
}

/// What is left is certain; what a lost call removed is not counted again.
#[tokio::test]
async fn expire_repeated_after_a_lost_reply_says_what_is_left() {
    for (fault, removed) in [(Fault::NotReached, 3), (Fault::Lost, 3), (Fault::ReplyLost, 0)] {
        let (store, member, turn) = holder().await;
        store.settle(&member, turn, delivered()).await.unwrap();
        store.take(&member, turn.next(), &[[9; 16]], 0).await.unwrap();
        store.script_commits([fault]);
        store.expire("set", 5).await.unwrap_err();
        let expired = store.expire("set", 5).await.unwrap();
        assert_eq!(expired, Expired { removed, left: 1, oldest_ms: None }, "{fault:?}");
    }
}

#[tokio::test]
async fn settlement_whose_reply_was_lost_is_not_repeated_on_what_was_taken_since() {
    let (store, member, turn) = holder().await;
    store.script_commits([Fault::ReplyLost]);
    store.settle(&member, turn, delivered()).await.unwrap_err();
    store.take(&member, turn.next(), &[[9; 16]], 0).await.unwrap();
    assert_eq!(store.settle(&member, turn, delivered()).await.unwrap(), InTurn::Done(turn.next()));
    assert_eq!(store.member(&member).await.unwrap().unwrap().held, 1);
}

#[tokio::test]
async fn taking_whose_reply_was_lost_holds_its_ids() {
    let (store, member, _) = holder().await;
    let other = Member::new("set", "other").unwrap();
    let InTurn::Done(state) = store.enter(&other, Epoch(1), Nonce(1)).await.unwrap() else { panic!("stale") };
    store.script_commits([Fault::ReplyLost]);
    store.take(&other, state.turn, &[[9; 16]], 0).await.unwrap_err();
    let standing = store.member(&member).await.unwrap().unwrap().turn;
    let answer = store.take(&member, standing, &[[9; 16]], 0).await.unwrap();
    assert_eq!(answer, InTurn::Done(Taking::Held { by: "other".into() }));
}

#[tokio::test]
async fn reads_of_shared_ids_fail_by_script() {
    let (store, member, _) = holder().await;
    store.script_reads([Fault::NotReached, Fault::NotReached]);
    assert_eq!(store.member(&member).await.unwrap_err().disposition(), Disposition::Retry);
    assert_eq!(store.members("set").await.unwrap_err().disposition(), Disposition::Retry);
    assert_eq!(store.members("set").await.unwrap(), ["m"]);
}
