//! Several writers: the condition and the write are one step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use velostream_core::{ConditionalStore, Outcome, Result, RootVersion, RootWrite};

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

const WRITERS: u8 = 8;

/// Runs one task for each writer and collects what they return.
async fn race<T, F>(
    f: &Fixture,
    writer: impl Fn(Arc<dyn ConditionalStore>, u8) -> F,
) -> Result<Vec<T>, Violation>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(writer(f.store(), n))).collect();
    let mut results = Vec::new();
    for task in tasks {
        let result = task.await.map_err(|_| Violation::Hangs { what: "a writer" })?;
        results.push(result.map_err(|source| Violation::Failed { call: "a writer's call", source })?);
    }
    Ok(results)
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
    let wanted = EACH * u64::from(WRITERS);
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
    let history = record(f).await?;
    let chain = history.chain()?;
    history.reads_fit(&chain)?;
    Ok(Checked::Held)
}

pub(crate) async fn a_history_of_eight_writers_never_forks(f: &Fixture) -> Verdict {
    record(f).await?.chain()?;
    Ok(Checked::Held)
}

/// Eight clients read and write one root as they please.
async fn record(f: &Fixture) -> Result<History, Violation> {
    const EACH: u32 = 60;
    let (key, ticks) = (f.key("root"), Arc::new(AtomicU64::new(0)));
    let events = race(f, |store, n| {
        let (key, ticks) = (key.clone(), Arc::clone(&ticks));
        async move {
            let tick = || ticks.fetch_add(1, Ordering::SeqCst);
            let (mut events, mut known) = (Vec::new(), None);
            for step in 0..EACH {
                let began = tick();
                if (step + u32::from(n)).is_multiple_of(3) {
                    let found = store.read(&[&key]).await?.pop().flatten();
                    known = found.map(|v| v.version);
                    events.push(Event { began, ended: tick(), what: What::Read(known) });
                } else {
                    let value = unique().to_be_bytes().to_vec().into();
                    let write = RootWrite { key: key.clone(), expected: known, value };
                    match store.commit(&[], write).await? {
                        Outcome::Applied(version) => {
                            let what = What::Wrote { over: known, version };
                            events.push(Event { began, ended: tick(), what });
                            known = Some(version);
                        }
                        Outcome::Conflict(found) => {
                            known = found.map(|v| v.version);
                            events.push(Event { began, ended: tick(), what: What::Read(known) });
                        }
                    }
                }
                tokio::task::yield_now().await;
            }
            Ok(events)
        }
    })
    .await?;
    Ok(History(events.into_iter().flatten().collect()))
}

/// What one call saw, and when: ticks of a counter that all clients share.
#[derive(Debug)]
struct Event {
    began: u64,
    ended: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// A read, or a conflict, saw this version.
    Read(Option<RootVersion>),
    /// A commit replaced one version by another.
    Wrote { over: Option<RootVersion>, version: RootVersion },
}

/// All writes are compare-and-set, so that their order is known: each names its predecessor. A history is linearizable
/// where the writes form one chain and no call sees less than was finished before it began, nor more than was begun
/// before it ended.
#[derive(Debug)]
struct History(Vec<Event>);

impl History {
    /// The writes in their order.
    fn chain(&self) -> Result<Vec<&Event>, Violation> {
        let mut after: BTreeMap<Option<RootVersion>, Vec<(&Event, RootVersion)>> = BTreeMap::new();
        for event in &self.0 {
            if let What::Wrote { over, version } = event.what {
                after.entry(over).or_default().push((event, version));
            }
        }
        let (writes, mut chain, mut at) = (after.values().map(Vec::len).sum::<usize>(), Vec::new(), None);
        while let Some(next) = after.remove(&at) {
            let [(event, version)] = next[..] else {
                let what = format!("{} commits replaced one version, {at:?}", next.len());
                return Err(Violation::Seen { what });
            };
            chain.push(event);
            at = Some(version);
        }
        ensure!(chain.len() == writes, "{} of {writes} commits follow each other", chain.len());
        Ok(chain)
    }

    /// Each call sees a place in the chain that fits the time of the call.
    fn reads_fit(&self, chain: &[&Event]) -> Result<(), Violation> {
        let place = |seen: Option<RootVersion>| {
            let written =
                |event: &&&Event| matches!(event.what, What::Wrote { version, .. } if Some(version) == seen);
            match seen {
                None => Some(0),
                Some(_) => chain.iter().position(|event| written(&event)).map(|at| at + 1),
            }
        };
        for event in &self.0 {
            let seen = match event.what {
                What::Read(seen) => seen,
                What::Wrote { over, .. } => over,
            };
            let Some(at) = place(seen) else {
                return Err(Violation::Seen { what: format!("{event:?} saw a version that nobody wrote") });
            };
            let finished = chain.iter().filter(|write| write.ended < event.began).count();
            let begun = chain.iter().filter(|write| write.began < event.ended).count();
            let fits = (finished..=begun).contains(&at);
            ensure!(
                fits,
                "{event:?} saw write {at}; {finished} were finished before and {begun} begun by its end"
            );
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

fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
