//! What was delivered, what was released, and what ran out when it is taken.

use crate::shared::job::{LONG_AGO_MS, id, ids};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

pub(crate) async fn a_delivered_id_is_not_taken_again(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&ids(0..3)).await?;
    a.deliver(1000).await?;
    b.finds(&ids(0..3), 1000).await?;
    a.finds(&ids(0..3), 1000).await?;
    // It is held by nobody: the next one is answered the same.
    c.finds(&ids(0..3), 1000).await?;
    let held = b.state().await?.held;
    ensure!(held == 0, "b holds {held} ids that a delivered");
    Ok(Checked::Held)
}

pub(crate) async fn a_delivered_id_says_when_it_was_delivered(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    let times = [1, 2, 999, 1001, 1_764_342_000_123, 1_764_342_000_124, 253_402_300_799_999];
    for (n, at_ms) in (0..).zip(times) {
        a.holds(&[id(n)]).await?;
        a.deliver(at_ms).await?;
    }
    for (n, at_ms) in (0..).zip(times) {
        b.finds(&[id(n)], at_ms).await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_released_id_can_be_taken_by_another(f: &SharedFixture) -> Verdict {
    let (mut a, mut b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&ids(0..3)).await?;
    a.release().await?;
    b.holds(&ids(1..4)).await?;
    c.meets("b", &[id(2)]).await?;
    b.deliver(4).await?;
    a.finds(&ids(1..4), 4).await?;
    a.holds(&[id(0)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn an_id_delivered_at_the_moment_of_expiry_is_taken_again(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    for (n, at_ms) in [(0, 4999), (1, 5000)] {
        a.holds(&[id(n)]).await?;
        a.deliver(at_ms).await?;
    }
    let (found, _) = b.taken(&ids(0..2), 5000).await?;
    ensure!(
        found == [None, None],
        "ids delivered at 4999 and 5000 ran out at 5000, but are answered {found:?}"
    );
    c.meets("b", &[id(0)]).await?;
    c.meets("b", &[id(1)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn an_id_delivered_a_millisecond_after_expiry_is_not_taken(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    for at_ms in [5001_i64, 1_764_342_000_124] {
        let n = at_ms.unsigned_abs();
        a.holds(&[id(n)]).await?;
        a.deliver(at_ms).await?;
        for taker in [&b, &c] {
            let (found, _) = taker.taken(&[id(n)], at_ms - 1).await?;
            ensure!(
                found == [Some(at_ms)],
                "an id delivered at {at_ms} is answered {found:?} a moment before"
            );
        }
    }
    Ok(Checked::Held)
}

/// Held is held, and no longer delivered: a store that keeps the old time beside the new holder would answer it later.
pub(crate) async fn an_id_taken_again_forgets_when_it_was_delivered(f: &SharedFixture) -> Verdict {
    let (mut a, mut b, mut c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&ids(0..2)).await?;
    a.deliver(100).await?;
    let (found, total) = b.taken(&ids(0..2), 100).await?;
    ensure!(found == [None, None] && total == 2, "ids that ran out are answered {found:?}, {total} in all");
    let expired = f.expire(100).await?;
    ensure!(expired.removed == 0 && expired.left == 2, "held ids expired by their old time: {expired:?}");
    ensure!(
        expired.oldest_ms.is_none(),
        "nothing is delivered, but the oldest is of {:?}",
        expired.oldest_ms
    );
    b.release().await?;
    let (found, total) = c.taken(&[id(0)], LONG_AGO_MS).await?;
    ensure!(found == [None], "an id that was taken again and released is answered {found:?}");
    ensure!(total == 1, "one of two released ids was taken, the total says {total}");
    c.deliver(200).await?;
    a.finds(&[id(0)], 200).await?;
    Ok(Checked::Held)
}
