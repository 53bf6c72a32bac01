//! `delete`: these keys, no others, any number of times.

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn delete_removes_roots_and_puts(f: &Fixture) -> Verdict {
    f.applied(&[f.put("p", "p")], f.root("root", None, "r")).await?;
    f.delete(&["p", "root"]).await?;
    for name in ["p", "root"] {
        let found = f.value(name).await?;
        ensure!(found.is_none(), "deleted {name} reads as {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn delete_of_absent_keys_is_fine(f: &Fixture) -> Verdict {
    f.applied(&[f.put("p", "p")], f.root("root", None, "r")).await?;
    f.delete(&["absent", "p"]).await?;
    f.delete(&["absent", "p"]).await?;
    f.delete(&[]).await?;
    Ok(Checked::Held)
}

pub(crate) async fn delete_takes_nothing_else(f: &Fixture) -> Verdict {
    let names = ["a", "a/b", "ab", "a.b", "a_b"];
    let puts: Vec<_> = names.iter().map(|name| f.put(name, name)).collect();
    f.applied(&puts, f.root("root", None, "r")).await?;
    f.delete(&["a"]).await?;
    for name in ["a/b", "ab", "a.b", "a_b", "root"] {
        ensure!(f.value(name).await?.is_some(), "deleting a took {name}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_deleted_root_can_be_created_again(f: &Fixture) -> Verdict {
    let old = f.applied(&[], f.root("root", None, "1")).await?;
    f.delete(&["root"]).await?;
    f.conflict(&[], f.root("root", Some(old), "2")).await?;
    f.applied(&[], f.root("root", None, "3")).await?;
    let found = f.value("root").await?;
    ensure!(found.as_deref() == Some(b"3"), "created again with 3, reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn delete_of_many_keys_removes_them_all(f: &Fixture) -> Verdict {
    let many = f.store().guarantees().max_puts.min(300);
    let names: Vec<String> = (0..many).map(|n| format!("m/{n:04}")).collect();
    let puts: Vec<_> = names.iter().map(|name| f.put(name, name)).collect();
    f.applied(&puts, f.root("root", None, "r")).await?;
    f.delete(&names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let left = f.list("m/", None, many).await?;
    ensure!(left.is_empty(), "{} of {many} keys are still there", left.len());
    ensure!(f.read("root").await?.is_some(), "the root went along");
    Ok(Checked::Held)
}
