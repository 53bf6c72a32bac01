//! `leave`: what goes along with a member, and what stays.

use velostream_core::Settlement;

use crate::shared::job::{LONG_AGO_MS, id, ids, stale};
use crate::verdict::{Must, ensure};
use crate::{Checked, SharedFixture, Verdict};

pub(crate) async fn leaving_releases_what_is_held(f: &SharedFixture) -> Verdict {
    let (a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..4)).await?;
    a.promised(b"promised").await?;
    a.leave().await?;
    let total = b.holds(&ids(0..3)).await?;
    ensure!(total == 3, "one of 4 released ids was not taken again, the total says {total}");
    Ok(Checked::Held)
}

pub(crate) async fn leaving_keeps_what_was_delivered(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..3)).await?;
    a.deliver(9).await?;
    a.leave().await?;
    b.finds(&ids(0..3), 9).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_member_that_left_is_unknown(f: &SharedFixture) -> Verdict {
    let (a, _b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&[id(0)]).await?;
    a.leave().await?;
    let found = (f.state(a.member()).await?, f.members(f.set()).await?);
    ensure!(
        found.0.is_none() && found.1 == ["b"],
        "after a left it is {:?} of the members {:?}",
        found.0,
        found.1
    );
    Ok(Checked::Held)
}

pub(crate) async fn a_call_of_a_member_that_left_is_stale(f: &SharedFixture) -> Verdict {
    let (a, b) = (f.job("a").await?, f.job("b").await?);
    a.leave().await?;
    stale("a taking", &a.take(&[id(0)], LONG_AGO_MS).await?, None)?;
    stale("a promise", &a.promise(b"late").await?, None)?;
    stale("a settlement", &a.settle(Settlement::Released).await?, None)?;
    b.holds(&[id(0)]).await?;
    let found = f.members(f.set()).await?;
    ensure!(found == ["b"], "after a left the members are {found:?}");
    Ok(Checked::Held)
}

/// With whatever epoch: nothing of it is left to compare with.
pub(crate) async fn a_member_that_left_can_enter_again(f: &SharedFixture) -> Verdict {
    let mut old = f.entered(&f.member("a")?, 7, 7).await?;
    old.holds(&ids(0..2)).await?;
    old.deliver(9).await?;
    old.holds(&[id(2)]).await?;
    old.promised(b"promised").await?;
    old.leave().await?;
    let new = f.entered(old.member(), 3, 1).await?;
    let state = new.state().await?;
    ensure!(state.turn.number == 1 && state.held == 0, "a member that left enters as {state:?}");
    ensure!(state.settled.is_none() && state.promised.is_none(), "a member that left has notes: {state:?}");
    new.holds(&[id(2)]).await?;
    new.finds(&ids(0..2), 9).await?;
    Ok(Checked::Held)
}

pub(crate) async fn leaving_takes_nothing_of_others(f: &SharedFixture) -> Verdict {
    let (a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&[id(0)]).await?;
    b.holds(&ids(1..3)).await?;
    b.promised(b"of b").await?;
    let before = b.state().await?;
    a.leave().await?;
    let after = b.state().await?;
    ensure!(after == before, "when a left b changed from {before:?} to {after:?}");
    c.meets("b", &[id(1)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn leaving_again_is_fine(f: &SharedFixture) -> Verdict {
    let a = f.job("a").await?;
    a.holds(&[id(0)]).await?;
    a.leave().await?;
    a.leave().await?;
    f.store().leave(&f.member("never-entered")?).await.must("leave")?;
    let found = f.members(f.set()).await?;
    ensure!(found.is_empty(), "after all left the members are {found:?}");
    Ok(Checked::Held)
}
