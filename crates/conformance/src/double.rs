//! A store that tells one lie.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use velostream_core::{
    Code, ConditionalStore, Disposition, Error, Outcome, Put, Result, RootVersion, RootWrite,
    StoreGuarantees, Versioned,
};

use crate::Lie;

/// An honest store with one lie on top.
#[derive(Debug)]
pub struct LyingStore {
    honest: Arc<dyn ConditionalStore>,
    lie: Lie,
    calls: AtomicU64,
    memory: Mutex<Memory>,
    counts: SyncMutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Memory {
    late: Vec<Put>,
    buried: BTreeSet<String>,
    roots: BTreeSet<String>,
    before: Vec<(String, Option<Versioned>)>,
}

impl LyingStore {
    /// Tells `lie` on top of an honest store.
    #[must_use]
    pub fn new(honest: Arc<dyn ConditionalStore>, lie: Lie) -> Self {
        Self { honest, lie, calls: AtomicU64::new(0), memory: Mutex::default(), counts: SyncMutex::default() }
    }

    fn key(&self, key: &str) -> String {
        match self.lie {
            Lie::FoldsKeys => key.replace(['.', '-'], "_"),
            Lie::CutsKeys => key.chars().take(200).collect(),
            _ => key.to_owned(),
        }
    }

    fn value(&self, value: &Bytes) -> Bytes {
        match self.lie {
            Lie::StoresText => String::from_utf8_lossy(value).into_owned().into(),
            Lie::CutsValues => value.slice(..value.len().min(64 * 1024)),
            Lie::TakesTooMuch => value.slice(..value.len().min(self.honest.guarantees().max_value_bytes)),
            _ => value.clone(),
        }
    }

    /// What a reader is told of an entry.
    fn shown(&self, key: &str, found: Option<Versioned>) -> Option<Versioned> {
        match (self.lie, found) {
            (Lie::InventsValues, None) => Some(Versioned { value: Bytes::new(), version: RootVersion(0) }),
            (Lie::EmptyIsAbsent, Some(found)) if found.value.is_empty() => None,
            (Lie::VersionIsContent, Some(found)) => {
                let version = content_version(&found.value);
                Some(Versioned { version, ..found })
            }
            (Lie::OneVersionForAll, Some(found)) => {
                Some(Versioned { version: RootVersion(self.calls.load(Ordering::SeqCst)), ..found })
            }
            (Lie::RenumbersOnReopen, Some(found)) => {
                Some(Versioned { version: RootVersion(found.version.0 ^ 1), ..found })
            }
            (Lie::CountsVersions, Some(found)) => {
                let version = RootVersion(self.counts().get(key).copied().unwrap_or_default());
                Some(Versioned { version, ..found })
            }
            (_, found) => found,
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self, key: &str) -> Result<Option<Versioned>> {
        Ok(self.honest.read(&[key]).await?.pop().flatten())
    }

    /// Writes the root whatever stands there.
    async fn force(&self, puts: &[Put], root: &RootWrite) -> Result<Outcome> {
        loop {
            let expected = self.current(&root.key).await?.map(|found| found.version);
            let outcome = self.honest.commit(puts, RootWrite { expected, ..root.clone() }).await?;
            if let Outcome::Applied(_) = outcome {
                return Ok(outcome);
            }
        }
    }

    /// Compares with the version that this lie shows, then sets.
    async fn by_shown_version(&self, puts: &[Put], root: &RootWrite) -> Result<Outcome> {
        let current = self.shown(&root.key, self.current(&root.key).await?);
        if current.as_ref().map(|found| found.version) != root.expected {
            return Ok(match current {
                Some(found) if found.value == root.value => Outcome::Applied(found.version),
                current => Outcome::Conflict(current),
            });
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        *self.counts().entry(root.key.clone()).or_default() += 1;
        self.force(puts, root).await?;
        let found = self.shown(&root.key, self.current(&root.key).await?);
        Ok(found.map_or(Outcome::Conflict(None), |found| Outcome::Applied(found.version)))
    }

    async fn lying_commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        let current = self.current(&root.key).await?;
        let standing = current.as_ref().map(|found| found.version);
        let fits = standing == root.expected;
        match self.lie {
            Lie::OnlyPretends => return Ok(Outcome::Applied(RootVersion(1))),
            Lie::ForgetsCommits if self.calls.fetch_add(1, Ordering::SeqCst) % 3 == 2 => {
                return Ok(Outcome::Applied(RootVersion(1)));
            }
            Lie::CreateOverwrites if root.expected.is_none() => return self.force(puts, &root).await,
            Lie::IgnoresVersions => return self.force(puts, &root).await,
            Lie::ExpectedCreates if current.is_none() => return self.force(puts, &root).await,
            Lie::ConflictWrites if !fits => {
                self.force(puts, &root).await?;
                return Ok(Outcome::Conflict(current));
            }
            Lie::RepeatConflicts if !fits => return Ok(Outcome::Conflict(current)),
            Lie::VersionIsContent | Lie::OneVersionForAll | Lie::RenumbersOnReopen | Lie::CountsVersions => {
                return self.by_shown_version(puts, &root).await;
            }
            Lie::ComparesThenSets if fits => {
                // Long enough for every racer to have compared.
                let pause = tokio::time::timeout(Duration::from_millis(2), std::future::pending::<()>());
                drop(pause.await);
                return self.force(puts, &root).await;
            }
            Lie::RefusesEqualPuts => {
                for put in puts {
                    if self.current(&put.key).await?.is_some() {
                        return Err(refused("the key exists"));
                    }
                }
            }
            Lie::RefusesPutsOfConflicts => {
                let mut memory = self.memory.lock().await;
                if fits && puts.iter().any(|put| memory.late.contains(put)) {
                    return Err(refused("the key exists"));
                }
                if !fits {
                    memory.late.extend(puts.iter().cloned());
                }
            }
            _ => {}
        }
        let outcome = self.honest.commit(puts, root).await?;
        Ok(match (self.lie, outcome) {
            (Lie::ConflictIsMute, Outcome::Conflict(_)) => Outcome::Conflict(None),
            (Lie::GuessesVersions, Outcome::Applied(version)) => Outcome::Applied(RootVersion(version.0 ^ 1)),
            (_, outcome) => outcome,
        })
    }

    /// Puts as this lie lets them through.
    async fn lying_puts(&self, puts: &[Put]) -> Vec<Put> {
        let mut puts: Vec<Put> =
            puts.iter().map(|put| Put { key: self.key(&put.key), value: self.value(&put.value) }).collect();
        match self.lie {
            Lie::DropsPuts => puts.truncate(8),
            Lie::TakesTooMuch => puts.truncate(self.honest.guarantees().max_puts),
            Lie::PutsLate => std::mem::swap(&mut puts, &mut self.memory.lock().await.late),
            _ => {}
        }
        puts
    }

    /// The answers as they were before the last commit, every second time.
    async fn stale(&self, key: &str, now: Option<Versioned>) -> Option<Versioned> {
        let memory = self.memory.lock().await;
        let old = memory.before.iter().find(|(held, _)| held == key).map(|(_, old)| old.clone());
        match old {
            Some(old) if self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => old,
            _ => now,
        }
    }
}

fn content_version(value: &[u8]) -> RootVersion {
    RootVersion(value.iter().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte))))
}

fn refused(why: &str) -> Error {
    Error::new(Code::StoreUnavailable, Disposition::Reject, why)
}

#[async_trait]
impl ConditionalStore for LyingStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        let folded: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        let mut asked: Vec<&str> = folded.iter().map(String::as_str).collect();
        match self.lie {
            Lie::AnswersSorted => asked.sort_unstable(),
            Lie::AnswersOnce => asked.dedup(),
            _ => {}
        }
        let found = self.honest.read(&asked).await?;
        let mut found: Vec<_> = asked.iter().zip(found).map(|(key, found)| self.shown(key, found)).collect();
        match self.lie {
            Lie::SkipsAbsent => found.retain(Option::is_some),
            Lie::InventsValues if keys.is_empty() => found.push(None),
            Lie::ReadsStale => {
                for (key, answer) in asked.iter().zip(&mut found) {
                    *answer = self.stale(key, answer.take()).await;
                }
            }
            _ => {}
        }
        Ok(found)
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        let puts = self.lying_puts(puts).await;
        let root = RootWrite { key: self.key(&root.key), value: self.value(&root.value), ..root };
        let key = root.key.clone();
        if self.lie == Lie::BuriesKeys && self.memory.lock().await.buried.contains(&key) {
            return Ok(Outcome::Conflict(None));
        }
        let before = self.current(&key).await?;
        let outcome = self.lying_commit(&puts, root).await?;
        let mut memory = self.memory.lock().await;
        memory.roots.insert(key.clone());
        memory.before.retain(|(held, _)| *held != key);
        memory.before.push((key, before));
        Ok(outcome)
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        match self.lie {
            Lie::NeverDeletes => return Ok(()),
            Lie::DeleteNeedsKey => {
                for key in keys {
                    if self.current(key).await?.is_none() {
                        return Err(refused("the key is absent"));
                    }
                }
            }
            Lie::BuriesKeys => {
                self.memory.lock().await.buried.extend(keys.iter().map(|key| (*key).to_owned()));
            }
            Lie::CountsVersions => self.counts().retain(|key, _| !keys.contains(&key.as_str())),
            Lie::DeletesNeighbours => {
                for key in keys {
                    let folder = key.rsplitn(3, '/').nth(2).unwrap_or_default();
                    let next = self.honest.list(folder, Some(key), 1).await?;
                    self.honest.delete(&next.iter().map(String::as_str).collect::<Vec<_>>()).await?;
                }
            }
            Lie::DeletesByPrefix => {
                for key in keys {
                    let below = self.honest.list(key, None, 1000).await?;
                    let below: Vec<&str> = below.iter().map(String::as_str).collect();
                    self.honest.delete(&below).await?;
                }
            }
            _ => {}
        }
        let folded: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        self.honest.delete(&folded.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        if self.lie == Lie::ListsFirstPage && after.is_some() {
            return Ok(Vec::new());
        }
        let after = after.filter(|_| self.lie != Lie::AfterIsIncluded || max == 0);
        let wide =
            if self.lie == Lie::WildcardPrefix { prefix.split('_').next().unwrap_or("") } else { prefix };
        let max = if self.lie == Lie::IgnoresMax { usize::MAX } else { max };
        let mut keys = self.honest.list(wide, after, max).await?;
        match self.lie {
            Lie::ListsBackwards => keys.reverse(),
            Lie::HidesRoots => {
                let memory = self.memory.lock().await;
                keys.retain(|key| !memory.roots.contains(key));
            }
            Lie::ListsPhantoms if keys.is_empty() => keys.push(format!("{prefix}phantom")),
            _ => {}
        }
        Ok(keys)
    }

    fn guarantees(&self) -> StoreGuarantees {
        let honest = self.honest.guarantees();
        match self.lie {
            Lie::ClaimWavers => {
                let n = self.calls.fetch_add(1, Ordering::SeqCst);
                StoreGuarantees { linearizable: n.is_multiple_of(2), ..honest }
            }
            Lie::ClaimsNothing => StoreGuarantees { max_puts: 0, max_value_bytes: 0, ..honest },
            _ => honest,
        }
    }

    async fn attest(&self) -> Result<()> {
        match self.lie {
            Lie::AttestRefuses => Err(refused("a setting is weaker than the claim")),
            _ => self.honest.attest().await,
        }
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        match self.lie {
            Lie::HealthHangs => std::future::pending().await,
            _ => self.honest.health_check(deadline).await,
        }
    }
}
