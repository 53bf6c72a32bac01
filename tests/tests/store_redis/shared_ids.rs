//! Shared ids: the answers of the model, replies that are lost, servers that are full, restarted or weakly entitled.

use anyhow::{Context, Result, ensure};
use velostream_core::{
    Disposition, Epoch, InTurn, Member, Nonce, Settlement, SharedId, SharedIds, Taking, Turn,
};
use velostream_store_memory::MemoryStore;
use velostream_store_redis::RedisStore;
use velostream_testkit::services::RedisServer;
use velostream_testkit::{answers_as_the_model, answers_as_the_model_to_many_ids};

use crate::cut::Cut;
use crate::{Test, config, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("shared_ids_answer_as_the_model", model),
        ("shared_ids_in_their_thousands_answer_as_the_model", thousands),
        ("shared_ids_call_whose_reply_is_lost_is_reconciled_and_repeated_once", lost_replies),
        ("shared_ids_survive_a_server_that_is_killed", killed),
        ("shared_ids_whose_set_has_no_such_name_are_rejected", names),
    ]
}

const SEEDS: std::ops::Range<u64> = 0..8;

fn id(number: u32) -> SharedId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    id
}

pub(crate) fn ids(numbers: std::ops::Range<u32>) -> Vec<SharedId> {
    numbers.map(id).collect()
}

pub(crate) async fn entered(store: &RedisStore, member: &Member) -> Result<Turn> {
    match store.enter(member, Epoch(1), Nonce(1)).await? {
        InTurn::Done(state) => Ok(state.turn),
        InTurn::Stale(turn) => anyhow::bail!("{turn:?} stands"),
    }
}

fn model() -> Result<()> {
    let server = RedisServer::start("shared-model", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        for seed in SEEDS {
            let set = format!("set-{seed}");
            answers_as_the_model(&store, &MemoryStore::new(), &set, seed, 600).await?;
        }
        Ok(())
    })
}

fn thousands() -> Result<()> {
    let server = RedisServer::start("shared-thousands", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        // Around the portions in which scripts hand ids over, and in which they expire.
        for count in [999, 1000, 1001, 25_001] {
            let set = format!("set-{count}");
            answers_as_the_model_to_many_ids(&store, &MemoryStore::new(), &set, count).await?;
        }
        Ok(())
    })
}

pub(crate) fn delivered(at_ms: i64, note: &'static str) -> Settlement {
    Settlement::Delivered { at_ms, note: note.into() }
}

fn held(member: &Option<velostream_core::MemberState>) -> Option<u64> {
    member.as_ref().map(|state| state.held)
}

/// Each call twice: once with its reply lost, once more with the answer.
fn lost_replies() -> Result<()> {
    let server = RedisServer::start("shared-lost", &[])?;
    runtime().block_on(async {
        let cut = Cut::before(server.port()).await?;
        let store = RedisStore::open(config(cut.port)).await?;
        warm(&store).await?;
        let lost = |error: Option<velostream_core::Error>| -> Result<()> {
            let error = error.context("no error")?;
            ensure!(error.disposition() == Disposition::Reconcile, "{error}");
            ensure!(!cut.is_armed(), "no reply was lost");
            Ok(())
        };
        let member = Member::new("set", "a")?;
        cut.arm();
        lost(store.enter(&member, Epoch(1), Nonce(1)).await.err())?;
        let turn = entered(&store, &member).await?;
        ensure!(turn.number == 2, "{turn:?}");

        let taken = |delivered, total| InTurn::Done(Taking::Taken { delivered, total });
        cut.arm();
        lost(store.take(&member, turn, &ids(0..3), 0).await.err())?;
        let again = store.take(&member, turn, &ids(0..3), 0).await?;
        ensure!(again == taken(vec![None; 3], 3), "{again:?}");
        ensure!(held(&store.member(&member).await?) == Some(3), "twice");

        cut.arm();
        lost(store.promise(&member, turn, "kept".into()).await.err())?;
        ensure!(store.promise(&member, turn, "kept".into()).await? == InTurn::Done(()), "it is not done");

        cut.arm();
        lost(store.settle(&member, turn, delivered(5, "first")).await.err())?;
        // In between somebody takes them again: the repeated call leaves that alone.
        let other = Member::new("set", "b")?;
        let others = entered(&store, &other).await?;
        let theirs = store.take(&other, others, &ids(0..2), 5).await?;
        ensure!(theirs == taken(vec![None; 2], 3), "{theirs:?}");
        let again = store.settle(&member, turn, delivered(6, "second")).await?;
        ensure!(again == InTurn::Done(turn.next()), "{again:?}");
        let state = store.member(&member).await?.context("it is gone")?;
        ensure!(state.settled == Some("first".into()) && state.held == 0, "{state:?}");
        ensure!(held(&store.member(&other).await?) == Some(2), "they were settled with the others");

        cut.arm();
        lost(store.settle(&other, others, Settlement::Released).await.err())?;
        let again = store.settle(&other, others, Settlement::Released).await?;
        ensure!(again == InTurn::Done(others.next()), "{again:?}");

        cut.arm();
        lost(store.leave(&other).await.err())?;
        store.leave(&other).await?;
        ensure!(store.members("set").await? == ["a"], "it has not left");

        cut.arm();
        lost(store.expire("set", 5).await.err())?;
        let again = store.expire("set", 5).await?;
        ensure!((again.removed, again.left, again.oldest_ms) == (0, 0, None), "{again:?}");
        Ok(())
    })
}

/// The server has a script only after a first call: what is cut has to be a call, not the news that it has not.
async fn warm(store: &RedisStore) -> Result<()> {
    let member = Member::new("warm", "w")?;
    let turn = entered(store, &member).await?;
    store.take(&member, turn, &[], 0).await?;
    store.promise(&member, turn, "".into()).await?;
    store.settle(&member, turn, Settlement::Released).await?;
    store.leave(&member).await?;
    store.expire("warm", 0).await?;
    ensure!(store.member(&member).await?.is_none(), "it has not left");
    Ok(())
}

fn killed() -> Result<()> {
    let mut server = RedisServer::start("shared-killed", &[])?;
    let runtime = runtime();
    let store = runtime.block_on(RedisStore::open(config(server.port())))?;
    let (member, other) = (Member::new("set", "a")?, Member::new("set", "b")?);
    let (mut turn, others) = runtime
        .block_on(async { anyhow::Ok((entered(&store, &member).await?, entered(&store, &other).await?)) })?;
    let mut crash = || -> Result<()> {
        server.restart()?;
        // The connection from before is found to be gone by the first call.
        drop(runtime.block_on(store.members("set")));
        Ok(())
    };
    for round in 0..3u32 {
        let last = round * 1500 + 1499;
        let these = ids(0..last + 1);
        let taken = runtime.block_on(store.take(&member, turn, &these, 0))?;
        runtime.block_on(store.promise(&member, turn, "kept".into()))?;
        crash()?;
        let theirs = runtime.block_on(store.take(&other, others, &ids(last..last + 1), 0))?;
        ensure!(theirs == InTurn::Done(Taking::Held { by: "a".into() }), "{theirs:?}");
        let state = runtime.block_on(store.member(&member))?.context("it is gone")?;
        ensure!(state.held == 1500 && state.promised == Some("kept".into()), "{state:?} {taken:?}");
        let settled = runtime.block_on(store.settle(&member, turn, delivered(7, "note")))?;
        turn = turn.next();
        ensure!(settled == InTurn::Done(turn), "{settled:?}");
        crash()?;
        let theirs = runtime.block_on(store.take(&other, others, &these, 0))?;
        let (delivered, total) = (vec![Some(7); these.len()], u64::try_from(these.len())?);
        ensure!(theirs == InTurn::Done(Taking::Taken { delivered, total }), "{theirs:?}");
        ensure!(runtime.block_on(store.members("set"))? == ["a", "b"], "members are gone");
    }
    Ok(())
}

fn names() -> Result<()> {
    let server = RedisServer::start("shared-names", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        for set in ["", "a}b", "A", "a/b"] {
            let refused = [store.members(set).await.err(), store.expire(set, 0).await.err()];
            for error in refused {
                let disposition = error.map(|error| error.disposition());
                ensure!(disposition == Some(Disposition::Reject), "{set:?}: {disposition:?}");
            }
        }
        let member = Member::new("set", "a")?;
        let turn = entered(&store, &member).await?;
        for at_ms in [i64::MAX, i64::MIN, 1 << 53] {
            let refused = store.settle(&member, turn, delivered(at_ms, "note")).await.err();
            ensure!(refused.is_some_and(|error| error.disposition() == Disposition::Reject), "{at_ms}");
        }
        // A task of the same name is somebody else, and nobody lists the set.
        ensure!(velostream_core::ConditionalStore::list(&store, "", None, 10).await?.is_empty(), "listed");
        Ok(())
    })
}
