//! `members`, and which names are one.

use crate::shared::fixture::member;
use crate::shared::job::{id, ids};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

pub(crate) async fn members_are_listed_sorted(f: &SharedFixture) -> Verdict {
    for name in ["m-2", "a", "m.10", "z", "m-10", "0", "m", "m_1"] {
        f.job(name).await?;
    }
    let wanted = ["0", "a", "m", "m-10", "m-2", "m.10", "m_1", "z"];
    for _ in 0..2 {
        let found = f.members(f.set()).await?;
        ensure!(found == wanted, "the members are {found:?}, not {wanted:?}");
        // Whoever enters again is listed once.
        f.job("m").await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn members_of_a_set_that_nobody_entered_are_none(f: &SharedFixture) -> Verdict {
    f.job("a").await?;
    let found = f.members(&f.other_set("-unused")).await?;
    ensure!(found.is_empty(), "a set that nobody entered has the members {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn members_of_other_sets_are_not_listed(f: &SharedFixture) -> Verdict {
    f.job("a").await?;
    f.job_in("-2", "b").await?;
    f.job_in("-2", "a").await?;
    let found = (f.members(f.set()).await?, f.members(&f.other_set("-2")).await?);
    ensure!(found.0 == ["a"] && found.1 == ["a", "b"], "the members of two sets are {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn ids_of_other_sets_are_not_shared(f: &SharedFixture) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job_in("-2", "b").await?);
    a.holds(&ids(0..3)).await?;
    let total = b.holds(&ids(1..4)).await?;
    ensure!(total == 3, "3 ids were taken in a set of its own, the total says {total}");
    a.deliver(5).await?;
    f.job_in("-2", "c").await?.meets("b", &[id(2)]).await?;
    f.job("c").await?.finds(&[id(2)], 5).await?;
    Ok(Checked::Held)
}

pub(crate) async fn one_name_in_two_sets_is_two_members(f: &SharedFixture) -> Verdict {
    let mut here = f.job("m").await?;
    here.holds(&[id(0)]).await?;
    here.deliver(5).await?;
    let there = f.job_in("-2", "m").await?;
    let state = there.state().await?;
    ensure!(state.settled.is_none() && state.held == 0, "the member of another set is {state:?}");
    there.leave().await?;
    let state = here.state().await?;
    ensure!(state.settled.is_some(), "when its namesake left the member became {state:?}");
    Ok(Checked::Held)
}

pub(crate) async fn every_allowed_character_is_its_own_name(f: &SharedFixture) -> Verdict {
    let names = ["a.b", "a-b", "a_b", "ab", "a..b", "a0b"];
    for (n, name) in (1..).zip(names) {
        // As a member of this set, and as a set.
        let held = f.job(name).await?;
        held.holds(&[id(n)]).await?;
        let state = held.state().await?;
        ensure!(state.held == 1 && state.turn.number == 1, "the new member {name} is {state:?}");
        let other = f.entered(&member(&f.other_set(name), "m")?, 1, 1).await?;
        let total = other.holds(&[id(0)]).await?;
        ensure!(total == 1, "the new set {name} has {total} ids after one was taken");
    }
    Ok(Checked::Held)
}

/// Whatever a store puts between the two names, and however it cuts them apart again.
pub(crate) async fn names_that_look_alike_when_joined_are_two(f: &SharedFixture) -> Verdict {
    for separator in [".", "-", "_"] {
        let one = f.entered(&member(&f.other_set(&format!("{separator}x")), "y")?, 1, 1).await?;
        one.holds(&[id(0)]).await?;
        let two = f.entered(&member(f.set(), &format!("x{separator}y"))?, 1, 1).await?;
        let state = two.state().await?;
        ensure!(state.held == 0 && state.turn.number == 1, "{} is {state:?} when it enters", two.member());
        two.holds(&[id(0)]).await?;
        two.leave().await?;
        let held = one.state().await?.held;
        ensure!(held == 1, "{} holds {held} ids, not 1", one.member());
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_name_of_200_bytes_differs_from_its_neighbour(f: &SharedFixture) -> Verdict {
    let long = |last: char| format!("{}{last}", "n".repeat(199));
    let (a, b) = (f.job(&long('a')).await?, f.job(&long('b')).await?);
    a.holds(&[id(0)]).await?;
    b.meets(a.member().name(), &[id(0)]).await?;
    let mut wide = f.set().to_owned();
    wide.extend(std::iter::repeat_n('s', 199_usize.saturating_sub(wide.len())));
    for last in ["a", "b"] {
        let job = f.entered(&member(&format!("{wide}{last}"), &long('a'))?, 1, 1).await?;
        let total = job.holds(&[id(0)]).await?;
        ensure!(total == 1, "a set of its own has {total} ids after one was taken");
    }
    Ok(Checked::Held)
}
