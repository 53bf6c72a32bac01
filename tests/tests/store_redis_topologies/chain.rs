//! A task whose root is written over and over, so that a commit that is lost or applied twice shows.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use velostream_core::{ConditionalStore, Disposition, Outcome, Put, RootVersion, RootWrite};
use velostream_envelope::entry::next_version;
use velostream_store_redis::RedisStore;

/// Long enough for any failover on a busy machine.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// The task, and what of it was acknowledged.
#[derive(Debug)]
pub(crate) struct Chain {
    task: &'static str,
    version: Option<RootVersion>,
    committed: u32,
    /// Attempts that failed, by what was known of them.
    pub(crate) refused: u32,
    pub(crate) unknown: u32,
}

impl Chain {
    pub(crate) const fn of(task: &'static str) -> Self {
        Self { task, version: None, committed: 0, refused: 0, unknown: 0 }
    }

    pub(crate) const fn committed(&self) -> u32 {
        self.committed
    }

    /// One more commit, repeated with the same arguments until it is acknowledged. Every other one brings a value that
    /// was not there before.
    pub(crate) async fn step(&mut self, store: &RedisStore) -> Result<()> {
        let number = self.committed + 1;
        let root = self.root(number);
        let puts: Vec<Put> = self.put(number).into_iter().collect();
        for _ in 0..ATTEMPTS {
            match store.commit(&puts, root.clone()).await {
                Ok(Outcome::Applied(version)) => {
                    ensure!(
                        version == next_version(self.version, &root.value),
                        "the chain of versions broke"
                    );
                    (self.version, self.committed) = (Some(version), number);
                    return Ok(());
                }
                Ok(Outcome::Conflict(held)) => bail!("commit {number} met {held:?}: one before it is lost"),
                Err(error) if error.disposition() == Disposition::Retry => self.refused += 1,
                Err(error) if error.disposition() == Disposition::Reconcile => self.unknown += 1,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("commit {number} was not acknowledged in {ATTEMPTS} attempts")
    }

    pub(crate) async fn steps(&mut self, store: &RedisStore, count: u32) -> Result<()> {
        for _ in 0..count {
            self.step(store).await?;
        }
        Ok(())
    }

    /// Everything that was acknowledged is there, and nothing else.
    pub(crate) async fn check(&self, store: &RedisStore) -> Result<()> {
        let root = format!("{}/root", self.task);
        let held = store.read(&[&root]).await?.pop().flatten().context("the root is gone")?;
        ensure!(Some(held.version) == self.version, "the root is another one: {held:?}");
        let puts: Vec<Put> = (1..=self.committed).filter_map(|number| self.put(number)).collect();
        let mut wanted: Vec<String> = puts.iter().map(|put| put.key.clone()).collect();
        for put in &puts {
            let found = store.read(&[&put.key]).await?.pop().flatten();
            ensure!(found.is_some_and(|found| found.value == put.value), "{} is not what it was", put.key);
        }
        wanted.push(root);
        let listed = store.list(&format!("{}/", self.task), None, usize::MAX).await?;
        ensure!(listed == wanted, "listed are {listed:?}");
        Ok(())
    }

    pub(crate) fn root(&self, number: u32) -> RootWrite {
        let value = number.to_string().into();
        RootWrite { key: format!("{}/root", self.task), expected: self.version, value }
    }

    fn put(&self, number: u32) -> Option<Put> {
        let value = number.to_string().into();
        number.is_multiple_of(2).then(|| Put { key: format!("{}/p{number:06}", self.task), value })
    }
}
