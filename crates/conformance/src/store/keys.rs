//! Keys: `[a-z0-9/._-]`, up to 512 bytes, each its own.

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

const ALLOWED: &str = "abcdefghijklmnopqrstuvwxyz0123456789/._-";

pub(crate) async fn every_allowed_character_is_its_own_key(f: &Fixture) -> Verdict {
    let names: Vec<String> = ALLOWED.chars().map(|c| format!("k{c}x")).collect();
    for name in &names {
        f.applied(&[], f.root(name, None, name)).await?;
    }
    for name in &names {
        let found = f.value(name).await?;
        ensure!(found.as_deref() == Some(name.as_bytes()), "key {name:?} reads as {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_key_of_512_bytes_differs_from_its_neighbour(f: &Fixture) -> Verdict {
    let long = |last: char| {
        let rest = 512usize.saturating_sub(f.key("").len() + 1);
        format!("{}{last}", "k".repeat(rest))
    };
    for last in ['a', 'b'] {
        let name = long(last);
        f.applied(&[], f.root(&name, None, [u8::try_from(last).unwrap_or(0)])).await?;
    }
    let found = f.value(&long('a')).await?;
    ensure!(found.as_deref() == Some(b"a"), "the key that ends with a reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_key_may_be_the_prefix_of_another(f: &Fixture) -> Verdict {
    for name in ["a", "a/", "a/b", "a/b/c", "ab"] {
        f.applied(&[f.put(&format!("p{name}"), name)], f.root(name, None, name)).await?;
    }
    f.delete(&["a", "a/b"]).await?;
    for (name, stays) in [("a", false), ("a/", true), ("a/b", false), ("a/b/c", true), ("ab", true)] {
        let found = f.value(name).await?;
        ensure!(found.is_some() == stays, "after deleting a and a/b, {name} reads as {found:?}");
    }
    Ok(Checked::Held)
}
