//! `settle`: once, whole, and of its own ids alone.

use velostream_core::{InTurn, Settlement};

use crate::shared::job::{LONG_AGO_MS, delivered, id, ids, stale};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

pub(crate) async fn a_settlement_answers_the_turn_that_stands(f: &SharedFixture) -> Verdict {
    let mut job = f.job("m").await?;
    for settlement in [delivered(1, b"note"), Settlement::Released, delivered(2, b"note")] {
        let wanted = job.turn.next();
        job.settled(settlement).await?;
        ensure!(job.turn == wanted, "a settlement answered {:?}, not {wanted:?}", job.turn);
        let stands = job.state().await?.turn;
        ensure!(stands == wanted, "after a settlement {stands:?} stands, not {wanted:?}");
        job.holds(&[id(wanted.number)]).await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_settlement_delivers_the_ids_of_every_taking_before_it(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    for n in 0..5 {
        a.holds(&ids(n * 10..n * 10 + 10)).await?;
    }
    a.deliver(60).await?;
    b.finds(&ids(0..50), 60).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_repeated_settlement_changes_nothing_twice(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    for first in [delivered(5, b"first"), Settlement::Released] {
        let before = a.with_turn(a.turn);
        a.holds(&ids(0..2)).await?;
        a.settled(first.clone()).await?;
        // Meanwhile both go on.
        b.taken(&ids(5..7), LONG_AGO_MS).await?;
        a.holds(&[id(9)]).await?;
        a.promised(b"of the next turn").await?;
        let state = a.state().await?;
        for repeated in [first, Settlement::Released, delivered(6, b"repeated")] {
            let answer = before.settle(repeated).await?;
            ensure!(
                answer == InTurn::Done(a.turn),
                "a repeated settlement gave {answer:?}, not {:?}",
                a.turn
            );
        }
        let after = a.state().await?;
        ensure!(after == state, "a repeated settlement changed {state:?} to {after:?}");
        b.meets("a", &[id(9)]).await?;
        a.meets("b", &[id(5)]).await?;
        a.release().await?;
        f.expire(5).await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_settlement_two_turns_late_changes_nothing(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    let before = a.with_turn(a.turn);
    a.deliver(1).await?;
    a.deliver(2).await?;
    a.holds(&[id(0)]).await?;
    let state = a.state().await?;
    for late in [delivered(1, b"late"), Settlement::Released] {
        stale("a settlement", &before.settle(late).await?, Some(a.turn))?;
    }
    let after = a.state().await?;
    ensure!(after == state, "a late settlement changed {state:?} to {after:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_settlement_leaves_what_others_hold(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    for settlement in [delivered(5, b"note"), Settlement::Released] {
        a.holds(&[id(a.turn.number)]).await?;
        b.holds(&ids(10..13)).await?;
        b.promised(b"of b").await?;
        let before = b.state().await?;
        a.settled(settlement).await?;
        let after = b.state().await?;
        ensure!(after == before, "a settlement of a changed b from {before:?} to {after:?}");
        c.meets("b", &[id(11)]).await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_settlement_of_nothing_keeps_its_note(f: &SharedFixture) -> Verdict {
    let (mut a, mut b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&[id(0)]).await?;
    a.deliver(5).await?;
    b.finds(&[id(0)], 5).await?;
    // Everything was delivered before: b moves on all the same.
    b.settled(delivered(6, b"moved on")).await?;
    let settled = b.state().await?.settled;
    ensure!(settled.as_deref() == Some(b"moved on"), "a settlement of nothing left the note {settled:?}");
    a.finds(&[id(0)], 5).await?;
    Ok(Checked::Held)
}

pub(crate) async fn held_counts_what_is_not_settled(f: &SharedFixture) -> Verdict {
    let (mut a, mut b) = (f.job("a").await?, f.job("b").await?);
    b.holds(&ids(90..95)).await?;
    for (taken, wanted) in [(0..0, 0), (0..4, 4), (2..6, 6)] {
        a.holds(&ids(taken)).await?;
        let held = a.state().await?.held;
        ensure!(held == wanted, "{wanted} ids are held, the member's state says {held}");
    }
    a.deliver(1).await?;
    b.release().await?;
    a.holds(&ids(90..92)).await?;
    a.finds(&ids(0..6), 1).await?;
    let held = (a.state().await?.held, b.state().await?.held);
    ensure!(held == (2, 0), "2 ids are held by a and none by b, their states say {held:?}");
    Ok(Checked::Held)
}
