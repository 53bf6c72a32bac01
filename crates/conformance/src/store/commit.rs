//! `commit`: the root changes exactly where its condition holds.

use velostream_core::Outcome;

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn commit_to_an_absent_root_creates_it(f: &Fixture) -> Verdict {
    f.applied(&[], f.root("root", None, "v")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"v"), "applied, but reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn commit_with_the_standing_version_replaces_it(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    f.applied(&[], f.root("root", Some(first), "2")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"2"), "replaced by 2, but reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn commit_expecting_absence_conflicts_with_what_is_there(f: &Fixture) -> Verdict {
    f.applied(&[], f.root("root", None, "1")).await?;
    f.conflict(&[], f.root("root", None, "2")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"1"), "a conflict left {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn commit_with_a_stale_version_conflicts(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    f.applied(&[], f.root("root", Some(first), "2")).await?;
    f.conflict(&[], f.root("root", Some(first), "3")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"2"), "a conflict left {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn commit_expecting_a_version_conflicts_with_absence(f: &Fixture) -> Verdict {
    let version = f.applied(&[], f.root("other", None, "1")).await?;
    let current = f.conflict(&[], f.root("root", Some(version), "2")).await?;
    ensure!(current.is_none(), "an absent root conflicts with {current:?}");
    ensure!(f.read("root").await?.is_none(), "the conflict created the root");
    Ok(Checked::Held)
}

pub(crate) async fn conflict_says_what_stands(f: &Fixture) -> Verdict {
    f.applied(&[], f.root("root", None, "1")).await?;
    let read = f.read("root").await?;
    let told = f.conflict(&[], f.root("root", None, "2")).await?;
    ensure!(told == read, "the conflict says {told:?}, a read {read:?}");
    if let Some(told) = told {
        f.applied(&[], f.root("root", Some(told.version), "2")).await?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn conflict_leaves_the_root_and_its_version(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    let second = f.applied(&[], f.root("root", Some(first), "2")).await?;
    f.conflict(&[f.put("p", "p")], f.root("root", Some(first), "3")).await?;
    f.conflict(&[f.put("p", "p")], f.root("root", None, "3")).await?;
    let found = f.read("root").await?;
    let stands = found.as_ref().is_some_and(|v| v.version == second && &v.value[..] == b"2");
    ensure!(stands, "after two conflicts the root is {found:?}, not 2 at {second:?}");
    Ok(Checked::Held)
}

pub(crate) async fn repeated_commit_is_applied(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    let write = f.root("root", Some(first), "2");
    let puts = [f.put("p", "p")];
    let once = f.applied(&puts, write.clone()).await?;
    let twice = f.commit(&puts, write).await?;
    ensure!(twice == Outcome::Applied(once), "the same commit again gave {twice:?}, not Applied({once:?})");
    Ok(Checked::Held)
}

pub(crate) async fn repeated_create_is_applied(f: &Fixture) -> Verdict {
    let once = f.applied(&[], f.root("root", None, "1")).await?;
    let twice = f.commit(&[], f.root("root", None, "1")).await?;
    ensure!(twice == Outcome::Applied(once), "the same create again gave {twice:?}, not Applied({once:?})");
    Ok(Checked::Held)
}

pub(crate) async fn repeated_commit_after_a_later_one_conflicts(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    let write = f.root("root", Some(first), "2");
    let second = f.applied(&[], write.clone()).await?;
    f.applied(&[], f.root("root", Some(second), "3")).await?;
    f.conflict(&[], write).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"3"), "a late repetition left {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn roots_are_independent(f: &Fixture) -> Verdict {
    let a = f.applied(&[], f.root("a", None, "1")).await?;
    let b = f.applied(&[], f.root("b", None, "1")).await?;
    f.applied(&[], f.root("a", Some(a), "2")).await?;
    f.applied(&[], f.root("b", Some(b), "2")).await?;
    Ok(Checked::Held)
}
