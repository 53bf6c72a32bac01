//! `list`: all keys below a prefix, ascending by bytes, in pages.

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

/// Ascending by bytes, which is neither a locale's order nor a number's.
const SORTED: [&str; 9] = ["l/-", "l/.", "l//", "l/0", "l/10", "l/9", "l/_", "l/a", "l/b"];

async fn fill(f: &Fixture) -> Result<(), crate::Violation> {
    let puts: Vec<_> = SORTED.iter().rev().map(|name| f.put(name, "v")).collect();
    for put in puts {
        let expected = f.read("root").await?.map(|v| v.version);
        f.applied(std::slice::from_ref(&put), f.root("root", expected, put.key.as_bytes())).await?;
    }
    Ok(())
}

pub(crate) async fn list_ascends_by_bytes(f: &Fixture) -> Verdict {
    fill(f).await?;
    let found = f.list("l/", None, 100).await?;
    ensure!(found == SORTED, "expected {SORTED:?}, got {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn list_keeps_to_its_prefix(f: &Fixture) -> Verdict {
    let names = ["p_q/1", "pxq/1", "p_q", "p-q/1", "p/q", "q/p_q/1"];
    let puts: Vec<_> = names.iter().map(|name| f.put(name, "v")).collect();
    let many = f.store().guarantees().max_puts.max(1);
    for (n, puts) in puts.chunks(many).enumerate() {
        f.applied(puts, f.root(&format!("r{n}"), None, "r")).await?;
    }
    let found = f.list("p_q/", None, 100).await?;
    ensure!(found == ["p_q/1"], "below p_q/ there is one key, got {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn list_starts_behind_after(f: &Fixture) -> Verdict {
    fill(f).await?;
    let found = f.list("l/", Some("l/0"), 100).await?;
    ensure!(found == ["l/10", "l/9", "l/_", "l/a", "l/b"], "after l/0 got {found:?}");
    let between = f.list("l/", Some("l/1"), 1).await?;
    ensure!(between == ["l/10"], "after l/1, which is no key, got {between:?}");
    Ok(Checked::Held)
}

pub(crate) async fn list_gives_at_most_max(f: &Fixture) -> Verdict {
    fill(f).await?;
    for max in [1, 4] {
        let found = f.list("l/", None, max).await?;
        ensure!(found.len() == max, "at most {max}, got {}", found.len());
    }
    Ok(Checked::Held)
}

pub(crate) async fn pages_of_a_list_show_every_key_once(f: &Fixture) -> Verdict {
    fill(f).await?;
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = f.list("l/", found.last().map(String::as_str), 2).await?;
        if page.is_empty() || found.len() > SORTED.len() {
            break;
        }
        found.extend(page);
    }
    ensure!(found == SORTED, "pages of two gave {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn list_below_an_unused_prefix_is_empty(f: &Fixture) -> Verdict {
    fill(f).await?;
    for (prefix, after) in [("m/", None), ("l/", Some("l/zzz")), ("l/bb", None)] {
        let found = f.list(prefix, after, 100).await?;
        ensure!(found.is_empty(), "below {prefix} after {after:?} got {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn list_shows_roots_and_puts(f: &Fixture) -> Verdict {
    f.applied(&[f.put("l/put", "p")], f.root("l/root", None, "r")).await?;
    let found = f.list("l/", None, 100).await?;
    ensure!(found == ["l/put", "l/root"], "a put and a root, got {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn list_of_none_is_empty(f: &Fixture) -> Verdict {
    fill(f).await?;
    let found = f.list("l/", None, 0).await?;
    ensure!(found.is_empty(), "at most none, got {found:?}");
    Ok(Checked::Held)
}
