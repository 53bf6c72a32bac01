//! The store as the ledger sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd, from_redis_value};
use tokio::time::timeout;
use velostream_core::{
    ConditionalStore, DurabilityClass, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned,
};

use crate::caller::{Answered, Caller, To};
use crate::doing::{ATTEST, COMMIT, DELETE, Doing, PING, READ, failed};
use crate::pool::Pool;
use crate::script::{By, Scripts};
use crate::servers::Servers;
use crate::shared::SetScripts;
use crate::{Error, RedisConfig, answer, attest, key, listing, replicas};

/// Largest value in bytes. Redis takes up to 512 MiB; a root or a chunk of this size is a mistake, and would hold up
/// every other client of the server.
pub(crate) const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Most puts in one commit.
const MAX_PUTS: usize = 1024;

/// A conditional store on Redis or Valkey. Clones share its connections.
#[derive(Debug, Clone)]
pub struct RedisStore(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: RedisConfig,
    caller: Caller,
    scripts: Scripts,
    set_scripts: SetScripts,
}

impl RedisStore {
    /// Checks the configuration, connects and asks whether the servers answer.
    /// [`attest`](ConditionalStore::attest) is a call of its own.
    ///
    /// # Errors
    /// `Config`, `CannotFence`, `CannotAttest`, `File`, `Untrusted`, `Denied` -> Reject; `Connect`, `Slow`,
    /// `Refused` -> Retry.
    pub async fn open(config: RedisConfig) -> Result<Self> {
        let caller = Caller { servers: Servers::new(&config)? };
        let store =
            Self(Arc::new(Parts { config, caller, scripts: Scripts::new(), set_scripts: SetScripts::new() }));
        store.health_check(store.0.config.request_timeout).await?;
        Ok(store)
    }

    /// Commands that read, one exchange.
    async fn ask(&self, doing: Doing, to: To<'_>, commands: Vec<Cmd>) -> Result<Answered, Error> {
        self.0.caller.call(doing, to, self.0.config.request_timeout, |_| commands.clone()).await
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.config.prefix
    }

    pub(crate) fn set_scripts(&self) -> &SetScripts {
        &self.0.set_scripts
    }

    /// One command on the server that serves the hash tag.
    pub(crate) async fn one(
        &self,
        doing: Doing,
        tag: &str,
        command: impl Fn(By) -> Cmd + Send + Sync,
    ) -> Result<Answered, Error> {
        let commands = |by| vec![command(by)];
        self.0.caller.call(doing, To::Task(tag), self.0.config.request_timeout, commands).await
    }

    /// A script that writes, with the wait for replicas behind it: [`RedisStore::replicated`] judges that.
    pub(crate) async fn write(
        &self,
        doing: Doing,
        tag: &str,
        script: impl Fn(By) -> Cmd + Send + Sync,
    ) -> Result<Answered, Error> {
        let commands = |by| [script(by)].into_iter().chain(self.waits()).collect();
        self.0.caller.call(doing, To::Task(tag), self.0.config.request_timeout, commands).await
    }

    /// Counts the replicas that have what a script has written.
    pub(crate) fn replicated(&self, server: &str, rest: Vec<Value>) -> Result<(), Error> {
        match self.0.config.replicas {
            Some(wanted) => replicas::counted(server, wanted, rest),
            None => Ok(()),
        }
    }

    /// The commands that wait for replicas, behind the write on its connection.
    fn waits(&self) -> Vec<Cmd> {
        self.0.config.replicas.as_ref().map(replicas::waits).unwrap_or_default()
    }

    async fn read_task(&self, tag: &str, keys: &[&str]) -> Result<Vec<Option<Versioned>>, Error> {
        let mut command = cmd("MGET");
        for name in keys {
            command.arg(key::name(&self.0.config.prefix, name));
        }
        let Answered { server, first, .. } = self.ask(READ, To::Task(tag), vec![command]).await?;
        let entries = from_redis_value::<Vec<Option<Vec<u8>>>>(first);
        let entries = entries.map_err(|error| failed(READ, &server, error.into()))?;
        let found = keys.iter().zip(entries);
        found
            .map(|(key, entry)| entry.map(|entry| answer::decoded(&server, key, &entry)).transpose())
            .collect()
    }

    /// Asks a server and its heirs for everything that the claim rests on.
    async fn attest_with_heirs(&self, primary: &Pool) -> Result<(), Error> {
        let found = self.attest_one(primary, attest::Role::Primary).await?;
        for address in found.replicas() {
            if let Some(heir) = self.0.caller.servers.heir(address.clone())? {
                self.attest_one(&heir, attest::Role::Replica).await?;
            }
        }
        Ok(())
    }

    async fn attest_one(&self, pool: &Pool, role: attest::Role) -> Result<attest::Found, Error> {
        let questions = attest::questions(&self.0.config.prefix);
        let Answered { server, first, rest } = self.ask(ATTEST, To::Server(pool), questions).await?;
        let found = attest::Found::parse(first, rest).map_err(|error| failed(ATTEST, &server, error))?;
        found.check(&server, &self.0.config, role)?;
        Ok(found)
    }

    async fn ping(&self, deadline: Duration) -> Result<(), Error> {
        for primary in self.0.caller.primaries(PING, deadline).await? {
            self.0.caller.call(PING, To::Server(&primary), deadline, |_| vec![cmd("PING")]).await?;
        }
        Ok(())
    }
}

/// The keys of each task. Each task has a slot of its own.
fn by_task<'a>(keys: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut tasks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in keys {
        tasks.entry(key::tag(name)).or_default().push(name);
    }
    tasks
}

/// A key of another task lies in another slot, where no script reaches it.
fn of_one_task(puts: &[Put], root: &RootWrite) -> Result<(), Error> {
    match puts.iter().find(|put| key::tag(&put.key) != key::tag(&root.key)) {
        Some(put) => Err(Error::ForeignKey { key: put.key.clone(), root: root.key.clone() }),
        None => Ok(()),
    }
}

#[async_trait]
impl ConditionalStore for RedisStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.guarantees().admit_keys(keys)?;
        let mut held: BTreeMap<&str, Option<Versioned>> = BTreeMap::new();
        for (tag, of_task) in by_task(keys) {
            let found = self.read_task(tag, &of_task).await?;
            held.extend(of_task.into_iter().zip(found));
        }
        Ok(keys.iter().map(|key| held.get(key).cloned().flatten()).collect())
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.guarantees().admit(puts, &root)?;
        of_one_task(puts, &root)?;
        let script = |by| self.0.scripts.commit(by, &self.0.config.prefix, puts, &root);
        let Answered { server, first, rest } = self.write(COMMIT, key::tag(&root.key), script).await?;
        let outcome = answer::outcome(&server, &root, first)?;
        if let Outcome::Applied(_) = outcome {
            self.replicated(&server, rest)?;
        }
        Ok(outcome)
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.guarantees().admit_keys(keys)?;
        for (tag, keys) in by_task(keys) {
            let script = |by| self.0.scripts.delete(by, &self.0.config.prefix, tag, &keys);
            self.one(DELETE, tag, script).await?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        Ok(listing::keys(&self.0.caller, &self.0.config, prefix, after, max).await?)
    }

    fn guarantees(&self) -> StoreGuarantees {
        let class = self.0.config.class();
        StoreGuarantees {
            class,
            // Where a failover may bring an older state back, a read can go back with it.
            linearizable: class == DurabilityClass::Restart,
            shared: true,
            max_value_bytes: MAX_VALUE_BYTES,
            max_puts: MAX_PUTS,
        }
    }

    /// Checks role, append-only file, its sync, eviction and replicas, of every primary; where a replica may take over
    /// by itself, of each replica too.
    async fn attest(&self) -> Result<()> {
        for primary in self.0.caller.primaries(ATTEST, self.0.config.request_timeout).await? {
            self.attest_with_heirs(&primary).await?;
        }
        Ok(())
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        let late = |_| self.0.caller.late(PING, deadline, false);
        Ok(timeout(deadline, self.ping(deadline)).await.map_err(late).flatten()?)
    }
}
