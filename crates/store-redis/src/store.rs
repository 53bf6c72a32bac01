//! The store as the ledger sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Pipeline, RedisError, Value, cmd, from_redis_value};
use tokio::time::timeout;
use velostream_core::{
    ConditionalStore, DurabilityClass, NotAdmitted, Outcome, Put, Result, RootWrite, StoreGuarantees,
    Versioned,
};
use velostream_envelope::entry;

use crate::pool::Pool;
use crate::script::{By, Scripts};
use crate::{Error, RedisConfig, attest, key};

/// Largest value in bytes. Redis takes up to 512 MiB; a root or a chunk of this size is a mistake, and would hold up
/// every other client of the server.
const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Most puts in one commit.
const MAX_PUTS: usize = 1024;

/// How many names SCAN looks at in a call.
const SCAN_COUNT: usize = 1000;

/// A conditional store on Redis or Valkey. Clones share its connections.
#[derive(Debug, Clone)]
pub struct RedisStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: RedisConfig,
    pool: Pool,
    scripts: Scripts,
}

/// What a call does, for errors.
#[derive(Debug, Clone, Copy)]
struct Doing {
    what: &'static str,
    writes: bool,
}

const READ: Doing = Doing { what: "read", writes: false };
const LIST: Doing = Doing { what: "list", writes: false };
const COMMIT: Doing = Doing { what: "commit", writes: true };
const DELETE: Doing = Doing { what: "delete", writes: true };
const ATTEST: Doing = Doing { what: "attest", writes: false };
const PING: Doing = Doing { what: "health check", writes: false };

impl RedisStore {
    /// Checks the configuration, connects and asks whether the server answers. [`attest`](ConditionalStore::attest)
    /// is a call of its own.
    ///
    /// # Errors
    /// `Config`, `CannotFence`, `Denied` -> Reject; `Connect`, `Slow`, `Refused` -> Retry.
    pub async fn open(config: RedisConfig) -> Result<Self> {
        config.check()?;
        let url = match &config.topology {
            crate::Topology::Single { url } => url.as_str(),
            // Refused by the check above.
            crate::Topology::ActiveActive { .. } => "",
        };
        let pool = Pool::new(url, &config)?;
        let store = Self(Arc::new(Shared { config, pool, scripts: Scripts::new() }));
        store.health_check(store.0.config.request_timeout).await?;
        Ok(store)
    }

    fn server(&self) -> String {
        self.0.pool.server.clone()
    }

    /// Sends commands on a connection that no other call shares, and waits at most `deadline` for all of it.
    async fn call(
        &self,
        doing: Doing,
        deadline: Duration,
        mut commands: impl FnMut(By) -> Pipeline + Send,
    ) -> Result<Vec<Value>, Error> {
        let sent = AtomicBool::new(false);
        let exchange = async {
            let mut lease = self.0.pool.lease().await?;
            sent.store(true, Ordering::Relaxed);
            let mut answers = lease.exchange(&commands(By::Hash)).await;
            if answers.as_ref().is_ok_and(|answers| refused_with(answers, "NOSCRIPT")) {
                answers = lease.exchange(&commands(By::Text)).await;
            }
            let answers = answers.map_err(|source| {
                self.0.pool.forget();
                self.failed(doing, source)
            })?;
            lease.keep();
            let answers = answers.into_iter().map(Value::extract_error);
            answers.collect::<Result<Vec<_>, _>>().map_err(|source| self.failed(doing, source))
        };
        match timeout(deadline, exchange).await {
            Ok(answered) => answered,
            Err(_) => {
                let (server, deadline_ms) = (self.server(), deadline.as_millis());
                Err(match doing.writes && sent.load(Ordering::Relaxed) {
                    true => Error::Unanswered { server, doing: doing.what, deadline_ms },
                    false => Error::Slow { server, doing: doing.what, deadline_ms },
                })
            }
        }
    }

    /// One command that reads, and its only answer.
    async fn ask(&self, doing: Doing, command: Cmd) -> Result<Value, Error> {
        let commands = |_| {
            let mut commands = Pipeline::with_capacity(1);
            commands.add_command(command.clone());
            commands
        };
        let mut answers = self.call(doing, self.0.config.request_timeout, commands).await?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    /// Sorts a failure by what is known about its effect.
    fn failed(&self, doing: Doing, source: RedisError) -> Error {
        let server = self.server();
        let what = doing.what;
        match source.code() {
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Error::Denied { server, doing: what, source },
            // Redis gives these before the first write of a script, never in its middle (script.c,
            // scriptVerifyWriteCommandAllow and scriptVerifyOOM).
            Some(
                "LOADING" | "READONLY" | "NOREPLICAS" | "MISCONF" | "OOM" | "BUSY" | "CLUSTERDOWN"
                | "TRYAGAIN" | "MASTERDOWN" | "MOVED" | "ASK" | "NOSCRIPT",
            ) => Error::Refused { server, doing: what, source },
            _ if doing.writes => Error::Lost { server, doing: what, source },
            _ => Error::Read { server, doing: what, source },
        }
    }

    fn decoded(&self, key: &str, bytes: &[u8]) -> Result<Versioned, Error> {
        let server = self.server();
        entry::decode(key, bytes).map_err(|why| Error::CorruptValue { server, key: key.to_owned(), why })
    }

    /// The tags of tasks that begin with `start`.
    async fn tags(&self, start: &str) -> Result<BTreeSet<String>, Error> {
        let prefix = &self.0.config.prefix;
        let mut found = BTreeSet::new();
        let mut cursor = 0u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(key::indexes(prefix, start)).arg("COUNT").arg(SCAN_COUNT);
            let answer = self.ask(LIST, scan).await?;
            let parsed = from_redis_value::<(u64, Vec<String>)>(answer);
            let (next, names) = parsed.map_err(|error| self.failed(LIST, error.into()))?;
            found.extend(names.iter().filter_map(|name| key::tag_of_index(prefix, name)).map(str::to_owned));
            if next == 0 {
                return Ok(found);
            }
            cursor = next;
        }
    }

    /// The outcome of a commit from the script's answer.
    fn outcome(&self, root: &RootWrite, answer: Value) -> Result<Outcome, Error> {
        let parsed =
            from_redis_value::<Vec<redis::Value>>(answer).map_err(|e| self.failed(COMMIT, e.into()))?;
        let mut parts = parsed.into_iter().map(|part| match part {
            Value::BulkString(bytes) => bytes,
            Value::SimpleString(text) => text.into_bytes(),
            _ => Vec::new(),
        });
        let (verdict, entry) = (parts.next().unwrap_or_default(), parts.next());
        match (verdict.as_slice(), entry) {
            (b"applied", Some(entry)) => Ok(Outcome::Applied(self.decoded(&root.key, &entry)?.version)),
            (b"conflict", None) => Ok(Outcome::Conflict(None)),
            (b"conflict", Some(entry)) => Ok(Outcome::Conflict(Some(self.decoded(&root.key, &entry)?))),
            (b"rewritten", Some(key)) => {
                Err(NotAdmitted::Rewritten { key: String::from_utf8_lossy(&key).into_owned() }.into())
            }
            _ => {
                let unknown =
                    (redis::ErrorKind::UnexpectedReturnType, "the script's answer is not one of ours");
                Err(self.failed(COMMIT, unknown.into()))
            }
        }
    }

    /// Counts the replicas in the answer of WAIT or WAITAOF.
    fn replicated(&self, answer: Value) -> Result<(), Error> {
        let Some(wanted) = self.0.config.replicas else { return Ok(()) };
        let found = match answer {
            Value::Int(replicas) => Ok(replicas),
            // WAITAOF: the server itself, replicas.
            other => from_redis_value::<(i64, i64)>(other).map(|(_, replicas)| replicas),
        };
        let found = found.map_err(|error| self.failed(COMMIT, error.into()))?;
        match found >= i64::from(wanted.count) {
            true => Ok(()),
            false => Err(Error::NotReplicated { server: self.server(), found, wanted: wanted.count }),
        }
    }

    /// The command that waits for replicas, behind the write on its connection.
    fn wait(&self) -> Option<Cmd> {
        let replicas = self.0.config.replicas?;
        let timeout_ms = u64::try_from(replicas.timeout.as_millis()).unwrap_or(u64::MAX);
        let mut wait = match replicas.synced {
            true => cmd("WAITAOF").arg(0).to_owned(),
            false => cmd("WAIT"),
        };
        wait.arg(replicas.count).arg(timeout_ms);
        Some(wait)
    }
}

/// True where an answer is a refusal with this code.
fn refused_with(answers: &[Value], code: &str) -> bool {
    answers.iter().any(|answer| matches!(answer, Value::ServerError(error) if error.code() == code))
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
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("MGET");
        for name in keys {
            command.arg(key::name(&self.0.config.prefix, name));
        }
        let answer = self.ask(READ, command).await?;
        let entries = from_redis_value::<Vec<Option<Vec<u8>>>>(answer);
        let entries = entries.map_err(|error| self.failed(READ, error.into()))?;
        let found = keys.iter().zip(entries);
        let decoded = found.map(|(key, entry)| entry.map(|entry| self.decoded(key, &entry)).transpose());
        Ok(decoded.collect::<Result<_, Error>>()?)
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.guarantees().admit(puts, &root)?;
        of_one_task(puts, &root)?;
        let commands = |by| {
            let mut commands = Pipeline::with_capacity(2);
            commands.add_command(self.0.scripts.commit(by, &self.0.config.prefix, puts, &root));
            if let Some(wait) = self.wait() {
                commands.add_command(wait);
            }
            commands
        };
        let answers = self.call(COMMIT, self.0.config.request_timeout, commands).await?;
        let mut answers = answers.into_iter();
        let outcome = self.outcome(&root, answers.next().unwrap_or(Value::Nil))?;
        if let (Outcome::Applied(_), Some(waited)) = (&outcome, answers.next()) {
            self.replicated(waited)?;
        }
        Ok(outcome)
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.guarantees().admit_keys(keys)?;
        let mut tasks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in keys {
            tasks.entry(key::tag(name)).or_default().push(name);
        }
        for (tag, keys) in tasks {
            let commands = |by| {
                let mut commands = Pipeline::with_capacity(1);
                commands.add_command(self.0.scripts.delete(by, &self.0.config.prefix, tag, &keys));
                commands
            };
            self.call(DELETE, self.0.config.request_timeout, commands).await?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let tags = match prefix.contains('/') {
            true => BTreeSet::from([key::tag(prefix).to_owned()]),
            false => self.tags(prefix).await?,
        };
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => format!("({after}"),
            None => format!("[{prefix}"),
        };
        // Behind every key with this prefix: keys are ASCII.
        let end = [b"(", prefix.as_bytes(), b"\xff"].concat();
        let mut keys = Vec::new();
        for tag in tags {
            let mut command = cmd("ZRANGEBYLEX");
            command.arg(key::index(&self.0.config.prefix, &tag)).arg(&start).arg(end.as_slice());
            command.arg("LIMIT").arg(0).arg(i64::try_from(max).unwrap_or(i64::MAX));
            let answer = self.ask(LIST, command).await?;
            let found = from_redis_value::<Vec<String>>(answer);
            keys.extend(found.map_err(|error| self.failed(LIST, error.into()))?);
        }
        // Tasks whose names begin alike are not in the order of their keys: `a.b/x` sorts before `a/x`.
        keys.sort_unstable();
        keys.truncate(max);
        Ok(keys)
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

    /// Checks role, append-only file, its sync, and eviction.
    async fn attest(&self) -> Result<()> {
        let answers = self
            .call(ATTEST, self.0.config.request_timeout, |_| attest::questions(&self.0.config.prefix))
            .await?;
        let found = attest::Found::parse(answers).map_err(|error| self.failed(ATTEST, error))?;
        Ok(found.check(&self.server(), &self.0.config)?)
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        let ping = |_| {
            let mut commands = Pipeline::with_capacity(1);
            commands.add_command(cmd("PING"));
            commands
        };
        self.call(PING, deadline, ping).await?;
        Ok(())
    }
}
