//! `enter` and `member`: who owns a member, and what the next owner finds.

use velostream_core::{Epoch, InTurn, Nonce, Settlement, Turn};

use crate::shared::job::{Job, LONG_AGO_MS, delivered, id, ids, stale};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict, Violation};

pub(crate) async fn a_member_that_never_entered_is_unknown(f: &SharedFixture) -> Verdict {
    f.job("other").await?;
    let found = f.state(&f.member("m")?).await?;
    ensure!(found.is_none(), "a member that never entered is {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_call_of_an_unknown_member_is_stale(f: &SharedFixture) -> Verdict {
    let member = f.member("m")?;
    for turn in [
        Turn { epoch: Epoch(1), nonce: Nonce(1), number: 1 },
        Turn { epoch: Epoch(0), nonce: Nonce(0), number: 0 },
    ] {
        let unknown = Job::new(f.store(), member.clone(), turn);
        stale("a taking", &unknown.take(&[id(0)], LONG_AGO_MS).await?, None)?;
        stale("a promise", &unknown.promise(b"note").await?, None)?;
        stale("a settlement", &unknown.settle(delivered(1, b"note")).await?, None)?;
        stale("a release", &unknown.settle(Settlement::Released).await?, None)?;
    }
    let found = f.state(&member).await?;
    ensure!(found.is_none(), "calls of a member that never entered made it {found:?}");
    let total = f.job("other").await?.holds(&[id(0)]).await?;
    ensure!(total == 1, "one id was taken, the total says {total}");
    Ok(Checked::Held)
}

pub(crate) async fn the_first_entry_finds_nothing(f: &SharedFixture) -> Verdict {
    f.job("other").await?.holds(&[id(0)]).await?;
    let member = f.member("m")?;
    match f.entry(&member, 5, 6).await? {
        InTurn::Done(state) => {
            let wanted = Turn::entering(None, Epoch(5), Nonce(6));
            ensure!(Some(state.turn) == wanted, "the first entry begins {:?}, not {wanted:?}", state.turn);
            let nothing = state.held == 0 && state.settled.is_none() && state.promised.is_none();
            ensure!(nothing, "the first entry finds {state:?}");
        }
        other => ensure!(false, "the first entry gave {other:?}"),
    }
    Ok(Checked::Held)
}

/// Numbers, not text: 9 is before 10. And whole ones: a double cannot tell the last of these from their neighbours.
pub(crate) async fn an_owner_of_a_higher_epoch_enters(f: &SharedFixture) -> Verdict {
    let member = f.member("m")?;
    let mut last: Option<Job> = None;
    for epoch in [0, 9, 10, 99, 100, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX] {
        let standing = last.as_ref().map(|last| last.turn);
        let owner = f.entered(&member, epoch, 3).await?;
        let wanted = Turn::entering(standing, Epoch(epoch), Nonce(3));
        ensure!(Some(owner.turn) == wanted, "the entry began {:?}, not {wanted:?}", owner.turn);
        if let Some(last) = last {
            stale("a taking", &last.take(&[id(0)], LONG_AGO_MS).await?, Some(owner.turn))?;
        }
        owner.holds(&[id(0)]).await?;
        last = Some(owner);
    }
    Ok(Checked::Held)
}

pub(crate) async fn numbers_of_a_turn_come_back_in_full(f: &SharedFixture) -> Verdict {
    let numbers =
        [0, 1, u64::from(u32::MAX) + 1, (1 << 53) + 1, i64::MAX.unsigned_abs(), u64::MAX - 1, u64::MAX];
    for (n, epoch) in (0..).zip(numbers) {
        for (m, nonce) in (0..).zip(numbers) {
            let owner = f.entered(&f.member(&format!("m{n}-{m}"))?, epoch, nonce).await?;
            let wanted = Turn { epoch: Epoch(epoch), nonce: Nonce(nonce), number: 1 };
            ensure!(owner.turn == wanted, "an entry with {wanted:?} began {:?}", owner.turn);
            let stands = owner.state().await?.turn;
            ensure!(stands == wanted, "an entry with {wanted:?} is kept as {stands:?}");
        }
    }
    Ok(Checked::Held)
}

pub(crate) async fn an_owner_of_a_lower_epoch_cannot_enter(f: &SharedFixture) -> Verdict {
    let member = f.member("m")?;
    for epoch in [2, 10, (1 << 53) + 1, u64::MAX] {
        let owner = f.entered(&member, epoch, 5).await?;
        owner.holds(&[id(epoch)]).await?;
        let before = owner.state().await?;
        for lower in [0, 1, epoch - 1] {
            for nonce in [0, 5, u64::MAX] {
                stale("an entry", &f.entry(&member, lower, nonce).await?, Some(owner.turn))?;
            }
        }
        let after = owner.state().await?;
        ensure!(after == before, "an entry that was refused changed {before:?} to {after:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn of_two_owners_of_one_epoch_the_second_cannot_enter(f: &SharedFixture) -> Verdict {
    let owner = f.entered(&f.member("m")?, 4, 5).await?;
    owner.holds(&[id(0)]).await?;
    for nonce in [0, 4, 6, u64::MAX] {
        stale("an entry", &f.entry(owner.member(), 4, nonce).await?, Some(owner.turn))?;
    }
    owner.holds(&[id(1)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn the_same_owner_enters_again_and_its_turn_grows(f: &SharedFixture) -> Verdict {
    let first = f.entered(&f.member("m")?, 4, 5).await?;
    first.holds(&[id(0)]).await?;
    let again = f.entered(first.member(), 4, 5).await?;
    let wanted = Turn::entering(Some(first.turn), Epoch(4), Nonce(5));
    ensure!(Some(again.turn) == wanted, "the second entry began {:?}, not {wanted:?}", again.turn);
    // What the owner sent before it entered again comes late.
    stale("a taking", &first.take(&[id(1)], LONG_AGO_MS).await?, Some(again.turn))?;
    again.holds(&[id(0), id(1)]).await?;
    Ok(Checked::Held)
}

/// An owner that holds 3 ids and has promised, after a settlement; then gone.
async fn left_behind(f: &SharedFixture) -> Result<Job, Violation> {
    let mut old = f.job("m").await?;
    old.holds(&[id(9)]).await?;
    old.settled(delivered(50, b"settled")).await?;
    old.holds(&ids(0..3)).await?;
    old.promised(b"promised").await?;
    Ok(old)
}

pub(crate) async fn entry_keeps_what_is_held(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    let new = f.entered(old.member(), 2, 2).await?;
    let held = new.state().await?.held;
    ensure!(held == 3, "the predecessor held 3 ids, the new owner holds {held}");
    f.job("witness").await?.meets("m", &[id(2)]).await?;
    new.holds(&ids(0..3)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn entry_keeps_what_was_promised(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    let promised = f.entered(old.member(), 2, 2).await?.state().await?.promised;
    ensure!(promised.as_deref() == Some(b"promised"), "the new owner finds the promise {promised:?}");
    Ok(Checked::Held)
}

pub(crate) async fn entry_keeps_the_note_of_the_last_settlement(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    for (epoch, nonce) in [(1, 1), (2, 2)] {
        let settled = f.entered(old.member(), epoch, nonce).await?.state().await?.settled;
        ensure!(settled.as_deref() == Some(b"settled"), "the new owner finds the note {settled:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn entry_answers_what_the_set_knows(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    let answer = f.entry(old.member(), 2, 2).await?;
    let found = f.state(old.member()).await?;
    match (&answer, &found) {
        (InTurn::Done(told), Some(known)) if told == known && told.held == 3 => {}
        _ => ensure!(false, "the entry said {answer:?}, the set knows {found:?}"),
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_new_owner_can_deliver_what_its_predecessor_held(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    let mut new = f.entered(old.member(), 2, 2).await?;
    new.deliver(70).await?;
    f.job("witness").await?.finds(&ids(0..3), 70).await?;
    let state = new.state().await?;
    ensure!(state.held == 0 && state.promised.is_none(), "all is delivered, but the member is {state:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_new_owner_can_release_what_its_predecessor_held(f: &SharedFixture) -> Verdict {
    let old = left_behind(f).await?;
    let mut new = f.entered(old.member(), 2, 2).await?;
    new.release().await?;
    f.job("witness").await?.holds(&ids(0..3)).await?;
    let settled = new.state().await?.settled;
    ensure!(settled.as_deref() == Some(b"settled"), "a release left the note {settled:?}");
    Ok(Checked::Held)
}
