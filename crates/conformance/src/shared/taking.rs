//! `take`: whole or nothing, and whose an id is.

use velostream_core::{InTurn, Taking};

use crate::shared::job::{LONG_AGO_MS, id, ids};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

/// What one batch may bring.
const MANY: u64 = 10_000;

pub(crate) async fn the_first_of_two_takers_holds_an_id(f: &SharedFixture) -> Verdict {
    let (a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..3)).await?;
    b.meets("a", &[id(1)]).await?;
    // And goes on holding it, whoever asks.
    b.meets("a", &[id(0)]).await?;
    a.holds(&ids(0..3)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_held_id_names_its_holder(f: &SharedFixture) -> Verdict {
    let (a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&[id(0)]).await?;
    b.holds(&[id(1)]).await?;
    c.meets("a", &[id(0), id(2)]).await?;
    c.meets("b", &[id(2), id(1)]).await?;
    match c.take(&[id(0), id(1)], LONG_AGO_MS).await? {
        InTurn::Done(Taking::Held { by }) if by == "a" || by == "b" => {}
        other => ensure!(false, "a and b hold one id each, the taking of both says {other:?}"),
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_taking_that_meets_a_held_id_takes_nothing(f: &SharedFixture) -> Verdict {
    let (a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&[id(5)]).await?;
    for at in [0, 4, 8] {
        let mut wanted = ids(10..18);
        wanted.insert(at, id(5));
        b.meets("a", &wanted).await?;
        let held = b.state().await?.held;
        ensure!(held == 0, "b holds {held} ids of a taking that was refused");
    }
    let total = c.holds(&ids(10..18)).await?;
    ensure!(total == 9, "9 ids are held, the total says {total}");
    Ok(Checked::Held)
}

pub(crate) async fn a_long_taking_that_meets_a_held_id_takes_nothing(f: &SharedFixture) -> Verdict {
    let (a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&[id(MANY)]).await?;
    b.meets("a", &ids(0..MANY + 1)).await?;
    let held = b.state().await?.held;
    ensure!(held == 0, "b holds {held} ids of a taking that was refused");
    c.holds(&ids(0..MANY)).await?;
    Ok(Checked::Held)
}

pub(crate) async fn an_id_that_its_member_holds_stays_its_own(f: &SharedFixture) -> Verdict {
    let (a, b) = (f.job("a").await?, f.job("b").await?);
    let first = a.holds(&ids(0..3)).await?;
    let again = a.holds(&ids(0..3)).await?;
    ensure!(again == first, "the same taking again says {again} in all, not {first}");
    let more = a.holds(&ids(2..5)).await?;
    ensure!(more == 5, "5 ids are held, the total says {more}");
    let held = a.state().await?.held;
    ensure!(held == 5, "5 ids are held, the member's state says {held}");
    b.meets("a", &[id(2)]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn an_id_twice_in_one_taking_is_answered_alike(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    let total = a.holds(&[id(0), id(1), id(0), id(0)]).await?;
    ensure!(total == 2, "2 ids in 4 places count {total}");
    b.meets("a", &[id(0), id(0)]).await?;
    a.deliver(7).await?;
    b.finds(&[id(1), id(0), id(1)], 7).await?;
    Ok(Checked::Held)
}

pub(crate) async fn answers_of_a_taking_come_in_the_order_of_the_question(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    for (n, at_ms) in [(9, 100), (2, 200), (5, 300)] {
        a.holds(&[id(n)]).await?;
        a.deliver(at_ms).await?;
    }
    let asked = [5, 7, 2, 9, 1, 2].map(id);
    let (found, total) = b.taken(&asked, LONG_AGO_MS).await?;
    let wanted = [Some(300), None, Some(200), Some(100), None, Some(200)];
    ensure!(found == wanted, "a taking answers {found:?}, not {wanted:?}");
    ensure!(total == 5, "3 ids were delivered and 2 are held, the total says {total}");
    // Those that were not delivered are held, the others are not.
    c.meets("b", &[id(7)]).await?;
    c.meets("b", &[id(1)]).await?;
    c.finds(&[id(9)], 100).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_taking_of_nothing_is_empty(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    let total = a.holds(&[]).await?;
    ensure!(total == 0, "an empty set counts {total}");
    a.holds(&ids(0..2)).await?;
    a.deliver(1).await?;
    let total = a.holds(&[]).await?;
    ensure!(total == 2, "2 ids were delivered, a taking of nothing counts {total}");
    Ok(Checked::Held)
}

pub(crate) async fn a_taking_of_ten_thousand_ids_is_whole(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    let total = a.holds(&ids(0..MANY)).await?;
    ensure!(total == MANY, "{MANY} ids were taken, the total says {total}");
    for n in [0, 999, 1000, MANY / 2, MANY - 1] {
        b.meets("a", &[id(n)]).await?;
    }
    a.deliver(77).await?;
    b.finds(&ids(0..MANY), 77).await?;
    Ok(Checked::Held)
}

pub(crate) async fn total_counts_held_and_delivered_ids_once(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    a.holds(&ids(0..4)).await?;
    a.deliver(100).await?;
    let total = b.holds(&ids(4..6)).await?;
    ensure!(total == 6, "4 ids were delivered and 2 are held, the total says {total}");
    let (_, total) = a.taken(&ids(0..4), LONG_AGO_MS).await?;
    ensure!(total == 6, "after a taking of what was delivered the total says {total}, not 6");
    // Taken again, because it ran out.
    let (_, total) = a.taken(&ids(0..2), 100).await?;
    ensure!(total == 6, "after 2 of 6 ids were taken again the total says {total}");
    Ok(Checked::Held)
}

pub(crate) async fn total_forgets_what_was_released(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    b.holds(&[id(9)]).await?;
    let total = a.holds(&ids(0..4)).await?;
    ensure!(total == 5, "5 ids are held, the total says {total}");
    a.release().await?;
    let total = b.holds(&[id(9)]).await?;
    ensure!(total == 1, "one id is left, the total says {total}");
    Ok(Checked::Held)
}

pub(crate) async fn members_of_one_set_share_ids(f: &SharedFixture) -> Verdict {
    let (mut a, b, c) = (f.job("a").await?, f.job("b").await?, f.job("c").await?);
    a.holds(&ids(0..2)).await?;
    a.deliver(5).await?;
    b.holds(&ids(2..4)).await?;
    b.finds(&ids(0..2), 5).await?;
    c.finds(&ids(0..2), 5).await?;
    c.meets("b", &[id(3)]).await?;
    Ok(Checked::Held)
}
