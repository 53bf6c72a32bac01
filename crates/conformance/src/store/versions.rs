//! Versions: the answered one stands, every write changes it, none comes back.

use std::collections::BTreeSet;

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn the_answered_version_is_the_one_that_stands(f: &Fixture) -> Verdict {
    let mut expected = None;
    for n in 0..5u8 {
        let answered = f.applied(&[], f.root("root", expected, [n])).await?;
        let found = f.read("root").await?.map(|v| v.version);
        ensure!(found == Some(answered), "commit answered {answered:?}, a read says {found:?}");
        expected = Some(answered);
    }
    Ok(Checked::Held)
}

pub(crate) async fn reading_does_not_change_the_version(f: &Fixture) -> Verdict {
    f.set("root", "1").await?;
    f.set("other", "1").await?;
    let first = f.read("root").await?;
    f.set("other", "2").await?;
    let second = f.read("root").await?;
    ensure!(first == second, "nobody wrote, but {first:?} became {second:?}");
    Ok(Checked::Held)
}

pub(crate) async fn every_write_has_a_new_version(f: &Fixture) -> Verdict {
    let mut seen = BTreeSet::new();
    let mut expected = None;
    for n in 0..50u8 {
        let version = f.applied(&[], f.root("root", expected, [n % 2])).await?;
        ensure!(seen.insert(version), "write {n} reused the version {version:?}");
        expected = Some(version);
    }
    Ok(Checked::Held)
}

/// A, B, A: whoever read the first A has not seen B.
pub(crate) async fn a_value_that_came_back_has_another_version(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "A")).await?;
    let second = f.applied(&[], f.root("root", Some(first), "B")).await?;
    f.applied(&[], f.root("root", Some(second), "A")).await?;
    f.conflict(&[], f.root("root", Some(first), "C")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"A"), "the writer that missed B wrote {found:?}");
    Ok(Checked::Held)
}
