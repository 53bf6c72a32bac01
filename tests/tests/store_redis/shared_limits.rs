//! Shared ids on a server that is full, and for users that may not.

use anyhow::{Context, Result, ensure};
use redis::{Client, cmd};
use velostream_core::{Disposition, Epoch, InTurn, Member, Nonce, Settlement, SharedIds, Taking};
use velostream_store_redis::RedisStore;
use velostream_testkit::services::RedisServer;

use crate::shared_ids::{delivered, entered, ids};
use crate::{Test, config, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("shared_ids_of_a_full_server_are_refused_whole_and_can_be_released", full),
        ("shared_ids_of_a_user_of_fewer_rights_are_rejected_and_none_is_lost", fewer_rights),
        ("shared_ids_that_another_member_took_since_are_not_released_with_an_old_batch", half_settled),
    ]
}

fn full() -> Result<()> {
    let server = RedisServer::start("shared-full", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        let mut admin = Client::open(server.admin_url())?.get_multiplexed_async_connection().await?;
        let (member, other) = (Member::new("set", "a")?, Member::new("set", "b")?);
        let (turn, others) = (entered(&store, &member).await?, entered(&store, &other).await?);
        store.take(&member, turn, &ids(0..10), 0).await?;
        store.settle(&member, turn, delivered(1, "note")).await?;
        let turn = turn.next();
        store.take(&member, turn, &ids(10..20), 0).await?;
        store.take(&other, others, &ids(20..30), 0).await?;
        let before = (store.member(&member).await?, store.member(&other).await?);
        cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").query_async::<()>(&mut admin).await?;
        let third = Member::new("set", "c")?;
        let refused = [
            store.enter(&third, Epoch(1), Nonce(1)).await.err(),
            store.take(&member, turn, &ids(5..20), 1).await.err(),
            store.promise(&member, turn, "kept".into()).await.err(),
            store.settle(&member, turn, delivered(2, "new")).await.err(),
        ];
        for (call, error) in refused.into_iter().enumerate() {
            let error = error.with_context(|| format!("call {call} was taken"))?;
            ensure!(
                error.disposition() == Disposition::Retry && error.to_string().contains("OOM"),
                "{error}"
            );
        }
        ensure!((store.member(&member).await?, store.member(&other).await?) == before, "half of it was done");
        // What makes room is never refused.
        let released = store.settle(&other, others, Settlement::Released).await?;
        ensure!(released == InTurn::Done(others.next()), "{released:?}");
        let expired = store.expire("set", 1).await?;
        ensure!((expired.removed, expired.left, expired.oldest_ms) == (10, 10, None), "{expired:?}");
        store.leave(&member).await?;
        ensure!(store.expire("set", 1).await?.left == 0, "it left something");
        cmd("CONFIG").arg("SET").arg("maxmemory").arg("0").query_async::<()>(&mut admin).await?;
        let taken = store.take(&other, others.next(), &ids(0..40), 0).await?;
        let whole = InTurn::Done(Taking::Taken { delivered: vec![None; 40], total: 40 });
        ensure!(taken == whole, "{taken:?}");
        Ok(())
    })
}

fn fewer_rights() -> Result<()> {
    let server = RedisServer::start("shared-rights", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        let mut admin = Client::open(server.admin_url())?.get_multiplexed_async_connection().await?;
        let member = Member::new("set", "a")?;
        let mut turn = entered(&store, &member).await?;
        for (round, right) in
            (0u32..).zip(["hget", "hset", "hincrby", "zadd", "hdel", "hlen", "hmget", "zscore"])
        {
            let mut may = cmd("ACL");
            may.arg("SETUSER").arg("velostream");
            may.clone().arg(format!("-{right}")).query_async::<()>(&mut admin).await?;
            let these = ids(round * 5..round * 5 + 10);
            let settlement = delivered(i64::from(round) + 1, "note");
            let calls = [
                store.take(&member, turn, &these, 0).await.err(),
                store.settle(&member, turn, settlement.clone()).await.err(),
            ];
            let denied: Vec<_> = calls.into_iter().flatten().collect();
            ensure!(!denied.is_empty(), "nobody needs {right}");
            for error in denied {
                ensure!(error.disposition() == Disposition::Reject, "{right}: {error}");
            }
            may.arg(format!("+{right}")).query_async::<()>(&mut admin).await?;
            // Whatever was done of it, the next owner takes them and delivers them, as if nothing had been.
            turn = entered(&store, &member).await?;
            drop(store.take(&member, turn, &these, i64::MAX).await?);
            let settled = store.settle(&member, turn, settlement).await?;
            turn = turn.next();
            ensure!(settled == InTurn::Done(turn), "{right}: {settled:?}");
            let total = u64::from(round) * 5 + 10;
            let taken = store.take(&member, turn, &these, 0).await?;
            let delivered = vec![Some(i64::from(round) + 1); 10];
            ensure!(taken == InTurn::Done(Taking::Taken { delivered, total }), "{right}: {taken:?}");
        }
        Ok(())
    })
}

/// A settlement that the rights stop half-way has given its batch a time, and the member holds it still.
fn half_settled() -> Result<()> {
    let server = RedisServer::start("shared-half", &[])?;
    runtime().block_on(async {
        let store = RedisStore::open(config(server.port())).await?;
        let mut admin = Client::open(server.admin_url())?.get_multiplexed_async_connection().await?;
        let (member, other) = (Member::new("set", "a")?, Member::new("set", "b")?);
        let turn = entered(&store, &member).await?;
        store.take(&member, turn, &ids(0..5), 0).await?;
        let mut may = cmd("ACL");
        may.arg("SETUSER").arg("velostream");
        may.clone().arg("-hdel").query_async::<()>(&mut admin).await?;
        ensure!(store.settle(&member, turn, delivered(1, "note")).await.is_err(), "nobody needs hdel");
        may.arg("+hdel").query_async::<()>(&mut admin).await?;
        // Its window is over by then.
        let others = entered(&store, &other).await?;
        let taken = store.take(&other, others, &ids(0..5), 1).await?;
        let whole = InTurn::Done(Taking::Taken { delivered: vec![None; 5], total: 5 });
        ensure!(taken == whole, "{taken:?}");
        let turn = entered(&store, &member).await?;
        store.settle(&member, turn, Settlement::Released).await?;
        let met = store.take(&member, turn.next(), &ids(0..5), 1).await?;
        ensure!(met == InTurn::Done(Taking::Held { by: "b".into() }), "{met:?}");
        Ok(())
    })
}
