//! A call that comes late, from an owner that was replaced or from before a settlement, changes nothing.

use velostream_core::{Epoch, Nonce, Settlement, Turn};

use crate::shared::job::{Job, LONG_AGO_MS, delivered, id, ids, stale};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict, Violation};

/// Each call out of turn is stale and leaves the member as it is; `now` is the owner in its turn.
async fn changes_nothing(f: &SharedFixture, late: &Job, now: &Job) -> Result<(), Violation> {
    let before = now.state().await?;
    stale("a taking", &late.take(&[id(90)], LONG_AGO_MS).await?, Some(now.turn))?;
    stale("a promise", &late.promise(b"late").await?, Some(now.turn))?;
    stale("a settlement", &late.settle(delivered(9, b"late")).await?, Some(now.turn))?;
    stale("a release", &late.settle(Settlement::Released).await?, Some(now.turn))?;
    let after = now.state().await?;
    ensure!(after == before, "calls of {} changed {before:?} to {after:?}", late.turn);
    f.job("witness").await?.holds(&[id(90)]).await?;
    Ok(())
}

/// An owner that holds something, and the one that replaced it.
async fn replaced(f: &SharedFixture) -> Result<(Job, Job), Violation> {
    let old = f.job("m").await?;
    old.holds(&ids(0..2)).await?;
    old.promised(b"of the old owner").await?;
    let new = f.entered(old.member(), 2, 2).await?;
    Ok((old, new))
}

pub(crate) async fn a_taking_of_an_earlier_owner_changes_nothing(f: &SharedFixture) -> Verdict {
    let (old, new) = replaced(f).await?;
    stale("a taking", &old.take(&ids(5..8), LONG_AGO_MS).await?, Some(new.turn))?;
    // Not even of what it held.
    stale("a taking", &old.take(&[id(0)], LONG_AGO_MS).await?, Some(new.turn))?;
    let held = new.state().await?.held;
    ensure!(held == 2, "2 ids are held, the member's state says {held}");
    f.job("witness").await?.holds(&ids(5..8)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_promise_of_an_earlier_owner_changes_nothing(f: &SharedFixture) -> Verdict {
    let (old, new) = replaced(f).await?;
    new.promised(b"of the new owner").await?;
    stale("a promise", &old.promise(b"late").await?, Some(new.turn))?;
    let promised = new.state().await?.promised;
    ensure!(
        promised.as_deref() == Some(b"of the new owner"),
        "a late promise left {promised:?} in place of the new owner's"
    );
    Ok(Checked::Held)
}

pub(crate) async fn a_settlement_of_an_earlier_owner_changes_nothing(f: &SharedFixture) -> Verdict {
    let (old, new) = replaced(f).await?;
    let before = new.state().await?;
    stale("a release", &old.settle(Settlement::Released).await?, Some(new.turn))?;
    stale("a settlement", &old.settle(delivered(9, b"late")).await?, Some(new.turn))?;
    let after = new.state().await?;
    ensure!(after == before, "a late settlement changed {before:?} to {after:?}");
    f.job("witness").await?.meets("m", &[id(0)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_call_that_arrives_after_its_settlement_changes_nothing(f: &SharedFixture) -> Verdict {
    let mut job = f.job("m").await?;
    for settlement in [delivered(5, b"note"), Settlement::Released] {
        let before = job.with_turn(job.turn);
        job.holds(&[id(job.turn.number)]).await?;
        job.settled(settlement).await?;
        stale("a taking", &before.take(&ids(50..53), LONG_AGO_MS).await?, Some(job.turn))?;
        stale("a promise", &before.promise(b"late").await?, Some(job.turn))?;
        let state = job.state().await?;
        ensure!(state.held == 0, "a late taking holds {} ids", state.held);
        ensure!(state.promised.is_none(), "a late promise left {:?}", state.promised);
    }
    f.job("witness").await?.holds(&ids(50..53)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_call_of_a_turn_to_come_changes_nothing(f: &SharedFixture) -> Verdict {
    let now = f.job("m").await?;
    now.holds(&[id(0)]).await?;
    changes_nothing(f, &now.with_turn(now.turn.next()), &now).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_call_of_another_nonce_changes_nothing(f: &SharedFixture) -> Verdict {
    let now = f.entered(&f.member("m")?, 3, 7).await?;
    now.holds(&[id(0)]).await?;
    for nonce in [0, 6, 8, u64::MAX] {
        changes_nothing(f, &now.with_turn(Turn { nonce: Nonce(nonce), ..now.turn }), &now).await?;
        f.job("witness").await?.release().await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_call_of_another_epoch_changes_nothing(f: &SharedFixture) -> Verdict {
    let now = f.entered(&f.member("m")?, 3, 7).await?;
    now.holds(&[id(0)]).await?;
    for epoch in [0, 2, 4, u64::MAX] {
        changes_nothing(f, &now.with_turn(Turn { epoch: Epoch(epoch), ..now.turn }), &now).await?;
        f.job("witness").await?.release().await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_stale_call_says_which_turn_stands(f: &SharedFixture) -> Verdict {
    let (old, mut new) = replaced(f).await?;
    new.deliver(5).await?;
    stale("a taking", &old.take(&[id(9)], LONG_AGO_MS).await?, Some(new.turn))?;
    stale("a promise", &old.promise(b"late").await?, Some(new.turn))?;
    stale("a settlement", &old.settle(Settlement::Released).await?, Some(new.turn))?;
    stale("an entry", &f.entry(old.member(), 1, 1).await?, Some(new.turn))?;
    Ok(Checked::Held)
}
