//! A new process finds what the old one was told is durable.

use velostream_core::DurabilityClass;

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

async fn reopened(f: &Fixture) -> Result<Result<Fixture, Checked>, Violation> {
    if f.store().guarantees().class == DurabilityClass::Process {
        return Ok(Err(Checked::NotRun("the store claims nothing beyond its process")));
    }
    ensure!(f.can_reopen(), "the store claims durability, but its fixture does not say how to reopen it");
    Ok(f.reopened().await.ok_or(Checked::NotRun("the fixture cannot be reopened")))
}

pub(crate) async fn a_new_process_finds_what_was_acknowledged(f: &Fixture) -> Verdict {
    f.applied(&[f.put("p", "p")], f.root("root", None, "r")).await?;
    f.set("gone", "x").await?;
    f.delete(&["gone"]).await?;
    let again = match reopened(f).await? {
        Ok(again) => again,
        Err(not_run) => return Ok(not_run),
    };
    for (name, wanted) in [("root", Some(&b"r"[..])), ("p", Some(b"p")), ("gone", None)] {
        let found = again.value(name).await?;
        ensure!(found.as_deref() == wanted, "after reopening {name} reads as {found:?}, not {wanted:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_new_process_goes_on_with_the_versions(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    let second = f.applied(&[], f.root("root", Some(first), "2")).await?;
    let again = match reopened(f).await? {
        Ok(again) => again,
        Err(not_run) => return Ok(not_run),
    };
    again.conflict(&[], again.root("root", Some(first), "3")).await?;
    let third = again.applied(&[], again.root("root", Some(second), "3")).await?;
    ensure!(third != first && third != second, "the version {third:?} was used before");
    Ok(Checked::Held)
}
