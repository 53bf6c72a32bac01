//! `expire`: what was delivered long enough ago, and nothing else.

use velostream_core::Expired;

use crate::shared::job::{LONG_AGO_MS, id, ids};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict, Violation};

/// Ids 0, 1 and 2, delivered at 100, 200 and 300.
async fn three(f: &SharedFixture) -> Result<(), Violation> {
    let mut a = f.job("a").await?;
    for (n, at_ms) in [(1, 200), (0, 100), (2, 300)] {
        a.holds(&[id(n)]).await?;
        a.deliver(at_ms).await?;
    }
    Ok(())
}

pub(crate) async fn expiry_removes_what_was_delivered_at_or_before_the_time(f: &SharedFixture) -> Verdict {
    three(f).await?;
    let expired = f.expire(200).await?;
    ensure!(expired.removed == 2, "2 of 3 ids were delivered by 200, {} were removed", expired.removed);
    f.job("b").await?.holds(&ids(0..2)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn expiry_leaves_what_was_delivered_later(f: &SharedFixture) -> Verdict {
    three(f).await?;
    let none = f.expire(99).await?;
    ensure!(none.removed == 0, "{} ids were removed before the first ran out", none.removed);
    let some = f.expire(299).await?;
    ensure!(some.removed == 2, "2 ids were delivered by 299, {} were removed", some.removed);
    f.job("b").await?.finds(&[id(2)], 300).await?;
    Ok(Checked::Held)
}

pub(crate) async fn expiry_says_how_many_are_left(f: &SharedFixture) -> Verdict {
    three(f).await?;
    f.job("b").await?.holds(&ids(10..14)).await?;
    for (until_ms, removed, left) in [(50, 0, 7), (100, 1, 6), (250, 1, 5), (1000, 1, 4)] {
        let found = f.expire(until_ms).await?;
        ensure!(
            found.removed == removed && found.left == left,
            "until {until_ms} {removed} ids ran out and {left} are left, it says {found:?}"
        );
    }
    Ok(Checked::Held)
}

pub(crate) async fn expiry_says_when_the_oldest_was_delivered(f: &SharedFixture) -> Verdict {
    three(f).await?;
    f.job("b").await?.holds(&[id(9)]).await?;
    for (until_ms, oldest_ms) in [(50, Some(100)), (100, Some(200)), (250, Some(300)), (300, None)] {
        let found = f.expire(until_ms).await?.oldest_ms;
        ensure!(found == oldest_ms, "the oldest after {until_ms} is of {oldest_ms:?}, it says {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn expiry_of_a_set_that_nobody_entered_is_nothing(f: &SharedFixture) -> Verdict {
    three(f).await?;
    let found = f.expire_in(&f.other_set("-unused"), i64::MAX).await?;
    ensure!(found == Expired::default(), "a set that nobody entered had {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn expiry_of_one_set_leaves_the_others(f: &SharedFixture) -> Verdict {
    three(f).await?;
    let mut other = f.job_in("-2", "a").await?;
    other.holds(&ids(0..3)).await?;
    other.deliver(100).await?;
    let found = f.expire_in(&f.other_set("-2"), 1000).await?;
    ensure!(found.removed == 3 && found.left == 0, "3 ids of a set ran out, it says {found:?}");
    f.job("b").await?.finds(&[id(0)], 100).await?;
    Ok(Checked::Held)
}

pub(crate) async fn an_expired_id_can_be_taken_anew(f: &SharedFixture) -> Verdict {
    three(f).await?;
    f.expire(1000).await?;
    let (mut b, c) = (f.job("b").await?, f.job("c").await?);
    // By the time of the taking itself it would not have run out.
    let (found, total) = b.taken(&ids(0..3), LONG_AGO_MS).await?;
    ensure!(
        found.iter().all(Option::is_none) && total == 3,
        "ids that ran out are {found:?}, {total} in all"
    );
    c.meets("b", &[id(0)]).await?;
    b.deliver(2000).await?;
    c.finds(&ids(0..3), 2000).await?;
    Ok(Checked::Held)
}

pub(crate) async fn expiry_again_removes_nothing_more(f: &SharedFixture) -> Verdict {
    three(f).await?;
    let first = f.expire(200).await?;
    let again = f.expire(200).await?;
    let wanted = Expired { removed: 0, ..first };
    ensure!(again == wanted, "expiry to the same time again says {again:?}, not {wanted:?}");
    Ok(Checked::Held)
}

pub(crate) async fn expiry_of_many_ids_removes_them_all(f: &SharedFixture) -> Verdict {
    const MANY: u64 = 10_000;
    let mut a = f.job("a").await?;
    a.holds(&ids(0..MANY)).await?;
    a.deliver(100).await?;
    a.holds(&[id(MANY)]).await?;
    a.deliver(200).await?;
    let found = f.expire(100).await?;
    let wanted = Expired { removed: MANY, left: 1, oldest_ms: Some(200) };
    ensure!(found == wanted, "{MANY} of {} ids ran out, it says {found:?}", MANY + 1);
    Ok(Checked::Held)
}

pub(crate) async fn what_is_held_never_expires(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..3)).await?;
    let found = f.expire(i64::MAX).await?;
    ensure!(found == Expired { removed: 0, left: 3, oldest_ms: None }, "3 ids are held, it says {found:?}");
    b.meets("a", &[id(0)]).await?;
    // Nor when another asks with a time at which everything ran out.
    let answer = b.take(&[id(1)], i64::MAX).await?;
    let held =
        matches!(&answer, velostream_core::InTurn::Done(velostream_core::Taking::Held { by }) if by == "a");
    ensure!(held, "a holds an id, a taking for which all ran out says {answer:?}");
    a.deliver(9).await?;
    b.finds(&ids(0..3), 9).await?;
    Ok(Checked::Held)
}
