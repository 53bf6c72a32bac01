//! A new process finds the set as it was.

use crate::shared::job::{Job, delivered, id, ids};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

const CANNOT: Checked = Checked::NotRun("the fixture cannot be reopened");

pub(crate) async fn a_new_process_finds_what_is_held_and_delivered(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..3)).await?;
    a.deliver(5).await?;
    a.holds(&ids(3..5)).await?;
    a.release().await?;
    b.holds(&ids(5..8)).await?;
    let Some(again) = f.reopened().await else { return Ok(CANNOT) };
    let c = again.job("c").await?;
    c.finds(&ids(0..3), 5).await?;
    c.meets("b", &[id(5)]).await?;
    let total = c.holds(&ids(3..5)).await?;
    ensure!(total == 8, "3 ids were delivered and 5 are held, the total says {total}");
    let expired = again.expire(5).await?;
    ensure!(expired.removed == 3 && expired.left == 5, "3 of 8 ids ran out, it says {expired:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_new_process_finds_members_turns_and_notes(f: &SharedFixture) -> Verdict {
    let (mut a, b, gone) = (f.job("a").await?, f.job("b").await?, f.job("gone").await?);
    a.holds(&[id(0)]).await?;
    a.settled(delivered(5, b"settled")).await?;
    a.holds(&ids(1..4)).await?;
    a.promised(b"promised").await?;
    gone.leave().await?;
    let known = (Some(a.state().await?), Some(b.state().await?));
    let Some(again) = f.reopened().await else { return Ok(CANNOT) };
    let found = (again.state(a.member()).await?, again.state(b.member()).await?);
    ensure!(found == known, "a new process knows {found:?}, not {known:?}");
    let members = again.members(f.set()).await?;
    ensure!(members == ["a", "b"], "a new process lists the members {members:?}");
    // The old owner's turn goes on where it was.
    let mut same = Job::new(again.store(), a.member().clone(), a.turn);
    same.settled(delivered(6, b"later")).await?;
    again.job("c").await?.finds(&ids(1..4), 6).await?;
    Ok(Checked::Held)
}
