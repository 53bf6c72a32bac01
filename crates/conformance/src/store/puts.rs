//! Puts: there no later than their root, all of them, harmless to repeat.

use std::sync::Arc;

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

pub(crate) async fn puts_are_there_with_their_root(f: &Fixture) -> Verdict {
    f.applied(&[f.put("p/1", "1"), f.put("p/2", "2")], f.root("root", None, "r")).await?;
    for n in ["1", "2"] {
        let found = f.value(&format!("p/{n}")).await?;
        ensure!(found.as_deref() == Some(n.as_bytes()), "put {n} reads as {found:?} after its commit");
    }
    Ok(Checked::Held)
}

/// A reader that sees root n must find put n, however close behind the writer it is.
pub(crate) async fn puts_are_never_later_than_their_root(f: &Fixture) -> Verdict {
    const COMMITS: u32 = 40;
    let store = f.store();
    let root = f.key("root");
    let writes: Vec<_> = (1..=COMMITS)
        .map(|n| (f.put(&format!("p/{n}"), n.to_string()), f.root("root", None, n.to_string())))
        .collect();
    let writer = tokio::spawn(async move {
        let mut expected = None;
        for (put, write) in writes {
            let outcome = store.commit(&[put], velostream_core::RootWrite { expected, ..write }).await?;
            if let velostream_core::Outcome::Applied(version) = outcome {
                expected = Some(version);
            }
        }
        Ok::<(), velostream_core::Error>(())
    });
    let store = f.store();
    loop {
        let done = writer.is_finished();
        let found =
            store.read(&[&root]).await.map_err(|source| Violation::Failed { call: "read", source })?;
        if let Some(Some(found)) = found.first() {
            let n = String::from_utf8_lossy(&found.value).into_owned();
            let put = f.value(&format!("p/{n}")).await?;
            ensure!(put.as_deref() == Some(n.as_bytes()), "root {n} is there, its put reads as {put:?}");
        }
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    match writer.await {
        Ok(Ok(())) => Ok(Checked::Held),
        Ok(Err(source)) => Err(Violation::Failed { call: "commit", source }),
        Err(_) => Err(Violation::Hangs { what: "the writer" }),
    }
}

pub(crate) async fn many_puts_travel_in_one_commit(f: &Fixture) -> Verdict {
    let many = f.store().guarantees().max_puts.min(1000);
    let puts: Vec<_> = (0..many).map(|n| f.put(&format!("p/{n}"), n.to_string())).collect();
    f.applied(&puts, f.root("root", None, "r")).await?;
    for n in 0..many {
        let found = f.value(&format!("p/{n}")).await?;
        ensure!(found.as_deref() == Some(n.to_string().as_bytes()), "put {n} of {many} reads as {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn more_puts_than_claimed_are_refused_whole(f: &Fixture) -> Verdict {
    let max = f.store().guarantees().max_puts;
    if max > 10_000 {
        return Ok(Checked::NotRun("the store claims more than 10,000 puts"));
    }
    let puts: Vec<_> = (0..=max).map(|n| f.put(&format!("p/{n}"), "p")).collect();
    let outcome = f.commit(&puts, f.root("root", None, "r")).await;
    ensure!(outcome.is_err(), "{} puts were taken: {outcome:?}", puts.len());
    ensure!(f.read("root").await?.is_none(), "the refused commit wrote its root");
    Ok(Checked::Held)
}

pub(crate) async fn an_equal_put_again_is_harmless(f: &Fixture) -> Verdict {
    let first = f.applied(&[f.put("p", "p")], f.root("root", None, "1")).await?;
    f.applied(&[f.put("p", "p"), f.put("q", "q")], f.root("root", Some(first), "2")).await?;
    for name in ["p", "q"] {
        let found = f.value(name).await?;
        ensure!(found.as_deref() == Some(name.as_bytes()), "{name} reads as {found:?}");
    }
    Ok(Checked::Held)
}

/// What a conflict leaves of its puts is garbage, but it must not stand in the way of the same puts later.
pub(crate) async fn puts_of_a_conflict_can_be_committed_later(f: &Fixture) -> Verdict {
    let first = f.applied(&[], f.root("root", None, "1")).await?;
    f.conflict(&[f.put("p", "p")], f.root("root", None, "2")).await?;
    f.applied(&[f.put("p", "p")], f.root("root", Some(first), "2")).await?;
    let found = f.value("p").await?;
    ensure!(found.as_deref() == Some(b"p"), "the put reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn handles_share_one_store(f: &Fixture) -> Verdict {
    let other = Arc::clone(&f.store());
    f.applied(&[f.put("p", "p")], f.root("root", None, "1")).await?;
    let keys = [f.key("root"), f.key("p")];
    let found = other.read(&[&keys[0], &keys[1]]).await;
    let found = found.map_err(|source| Violation::Failed { call: "read", source })?;
    ensure!(found.len() == 2 && found.iter().all(Option::is_some), "the other handle reads {found:?}");
    Ok(Checked::Held)
}
