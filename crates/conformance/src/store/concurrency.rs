//! Several writers: the condition and the write are one step.

mod history;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use velostream_core::{ConditionalStore, Outcome, Result, RootVersion, RootWrite};

use history::{Event, History, Seen, What};

use crate::race::CLIENTS;
use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

/// Runs one task for each writer and collects what they return.
async fn race<T, F>(
    f: &Fixture,
    writer: impl Fn(Arc<dyn ConditionalStore>, u8) -> F,
) -> Result<Vec<T>, Violation>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    crate::race::race(|n| writer(f.store(), n)).await
}

pub(crate) async fn of_eight_creators_exactly_one_wins(f: &Fixture) -> Verdict {
    let key = f.key("root");
    let won = race(f, |store, n| {
        let write = RootWrite { key: key.clone(), expected: None, value: vec![n].into() };
        async move { Ok(matches!(store.commit(&[], write).await?, Outcome::Applied(_))) }
    })
    .await?;
    let winners: Vec<usize> = won.iter().enumerate().filter(|(_, won)| **won).map(|(n, _)| n).collect();
    ensure!(winners.len() == 1, "writers {winners:?} won a race for one root");
    let found = f.value("root").await?;
    let wrote = found.as_ref().and_then(|v| v.first()).map(|n| usize::from(*n));
    ensure!(wrote == winners.first().copied(), "writer {winners:?} won, but {wrote:?} stands");
    Ok(Checked::Held)
}

pub(crate) async fn of_eight_writers_with_one_version_exactly_one_wins(f: &Fixture) -> Verdict {
    for round in 0..5u8 {
        let expected = Some(f.set("root", [100 + round]).await?);
        let key = f.key("root");
        let won = race(f, |store, n| {
            let write = RootWrite { key: key.clone(), expected, value: vec![n].into() };
            async move { Ok(matches!(store.commit(&[], write).await?, Outcome::Applied(_))) }
        })
        .await?;
        let winners = won.iter().filter(|won| **won).count();
        ensure!(winners == 1, "{winners} writers won with one version in round {round}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn no_increment_of_eight_counters_is_lost(f: &Fixture) -> Verdict {
    const EACH: u64 = 20;
    let key = f.key("root");
    race(f, |store, _| {
        let key = key.clone();
        async move {
            for _ in 0..EACH {
                increment(&*store, &key).await?;
            }
            Ok(())
        }
    })
    .await?;
    let found = f.value("root").await?.map(|v| number(&v));
    let wanted = EACH * u64::from(CLIENTS);
    ensure!(found == Some(wanted), "{wanted} increments counted to {found:?}");
    Ok(Checked::Held)
}

/// Each reader sees a counter that only grows.
pub(crate) async fn reads_never_go_back(f: &Fixture) -> Verdict {
    if !f.store().guarantees().linearizable {
        return Ok(Checked::NotRun("the store does not claim linearizable reads"));
    }
    let key = f.key("root");
    let back = race(f, |store, n| {
        let key = key.clone();
        async move {
            let mut last = 0;
            for _ in 0..30 {
                if n < 2 {
                    increment(&*store, &key).await?;
                }
                let now = store.read(&[&key]).await?.pop().flatten().map_or(0, |v| number(&v.value));
                if now < last {
                    return Ok(Some((last, now)));
                }
                last = now;
            }
            Ok(None)
        }
    })
    .await?;
    let back: Vec<_> = back.into_iter().flatten().collect();
    ensure!(back.is_empty(), "readers saw the counter go back: {back:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_history_of_eight_clients_is_linearizable(f: &Fixture) -> Verdict {
    if !f.store().guarantees().linearizable {
        return Ok(Checked::NotRun("the store does not claim linearizable reads"));
    }
    for history in record(f, f.history()).await? {
        history.check()?;
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_history_of_eight_writers_never_forks(f: &Fixture) -> Verdict {
    for history in record(f, 120).await? {
        history.chain()?;
    }
    Ok(Checked::Held)
}

/// Roots that the clients of a history share.
const ROOTS: usize = 3;

/// In a long history one call in 16 is a commit, so that it does not measure how fast the store syncs; else one in 4.
const fn calls_per_commit(each: usize) -> usize {
    if each > 1000 { 16 } else { 4 }
}

/// Eight clients read and write some roots as they please, `each` times. One history for each root: registers are
/// linearizable together where each is alone.
async fn record(f: &Fixture, each: usize) -> Result<Vec<History>, Violation> {
    let (ticks, keys) = (Arc::new(AtomicU64::new(0)), [f.key("a"), f.key("b"), f.key("c")]);
    let histories = race(f, |store, n| {
        let (ticks, keys) = (Arc::clone(&ticks), keys.clone());
        async move {
            let mut client = Client { store, ticks, roots: keys.map(|key| (key, None, Vec::new())) };
            for step in 0..each {
                client.step(step.wrapping_add(usize::from(n)), calls_per_commit(each)).await?;
            }
            Ok(client.roots.map(|(_, _, events)| events))
        }
    })
    .await?;
    let mut all: [Vec<Event>; ROOTS] = Default::default();
    for client in histories {
        all.iter_mut().zip(client).for_each(|(all, events)| all.extend(events));
    }
    Ok(all.into_iter().map(History).collect())
}

/// One client: by root its key, what it saw there last, and what it did.
struct Client {
    store: Arc<dyn ConditionalStore>,
    ticks: Arc<AtomicU64>,
    roots: [(String, Option<Seen>, Vec<Event>); ROOTS],
}

impl Client {
    async fn step(&mut self, step: usize, calls_per_commit: usize) -> Result<()> {
        let tick = || self.ticks.fetch_add(1, Ordering::SeqCst);
        let Some((key, known, events)) = self.roots.get_mut(step % ROOTS) else { return Ok(()) };
        let began = tick();
        let what = if step.is_multiple_of(calls_per_commit) {
            let value = unique();
            let (over, expected) = (*known, known.map(|seen| seen.version));
            let write = RootWrite { key: key.clone(), expected, value: value.to_be_bytes().to_vec().into() };
            match self.store.commit(&[], write).await? {
                Outcome::Applied(version) => What::Wrote { over, wrote: Seen { version, value } },
                Outcome::Conflict(found) => What::Read(found.map(Seen::of)),
            }
        } else {
            What::Read(self.store.read(&[key]).await?.pop().flatten().map(Seen::of))
        };
        *known = match what {
            What::Read(seen) => seen,
            What::Wrote { wrote, .. } => Some(wrote),
        };
        events.push(Event { began, ended: tick(), what });
        if step.is_multiple_of(8) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

async fn increment(store: &dyn ConditionalStore, key: &str) -> Result<()> {
    let current = store.read(&[key]).await?.pop().flatten();
    let mut state: (Option<RootVersion>, u64) =
        current.map_or((None, 0), |v| (Some(v.version), number(&v.value)));
    loop {
        // Every attempt writes bytes of its own, so that equal values never look like one commit.
        let value = [(state.1 + 1).to_be_bytes(), unique().to_be_bytes()].concat();
        let write = RootWrite { key: key.to_owned(), expected: state.0, value: value.into() };
        match store.commit(&[], write).await? {
            Outcome::Applied(_) => return Ok(()),
            Outcome::Conflict(current) => {
                state = current.map_or((None, 0), |v| (Some(v.version), number(&v.value)));
                tokio::task::yield_now().await;
            }
        }
    }
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
