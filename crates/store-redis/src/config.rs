//! What the servers promise, and how long a call may take.

use std::fmt;
use std::time::Duration;

use velostream_core::DurabilityClass;

use crate::{Error, Tls, Topology};

/// What the server does before it answers a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// `appendfsync always`: an answered write survives the end of the server.
    Always,
    /// `appendfsync everysec` or stronger: a crash loses about a second of answered writes.
    EverySecond,
}

/// How many replicas have to have a write before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    /// Their number.
    pub count: u32,
    /// How long the server waits for them; less than the request's timeout.
    pub timeout: Duration,
    /// They also have to have synced it to their append-only files (WAITAOF, Redis 7.2 and Valkey).
    pub synced: bool,
}

/// Settings of a store.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// The servers.
    pub topology: Topology,
    /// What encrypted connections trust; whether they are encrypted, the URLs say (`rediss://`).
    pub tls: Tls,
    /// In front of every key; `[A-Za-z0-9:._-]`, at most 128 bytes. Default `velostream:`.
    pub prefix: String,
    /// What the server is told to do. Default [`Fsync::Always`].
    pub fsync: Fsync,
    /// Replicas that each commit waits for. Default none. It makes a loss less likely, it does not exclude it: a
    /// failover may still choose a replica that lags (Redis documentation, command WAIT).
    pub replicas: Option<Replicas>,
    /// How long connecting may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a call may take. Default 10 s.
    pub request_timeout: Duration,
    /// Most connections to a server at a time; each serves one call, since WAIT holds up whatever shares its connection.
    /// Default 16.
    pub connections: usize,
}

impl RedisConfig {
    /// The defaults for one server.
    #[must_use]
    pub fn single(url: impl Into<String>) -> Self {
        Self::new(Topology::Single { url: url.into() })
    }

    /// The defaults for these servers.
    #[must_use]
    pub fn new(topology: Topology) -> Self {
        Self {
            topology,
            tls: Tls::default(),
            prefix: "velostream:".into(),
            fsync: Fsync::Always,
            replicas: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            connections: 16,
        }
    }

    /// G0d for one server that syncs every write, else G1.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        match (&self.topology, self.fsync) {
            (Topology::Single { .. }, Fsync::Always) => DurabilityClass::Restart,
            _ => DurabilityClass::AsyncReplica,
        }
    }

    /// Looks for what cannot work, without a server.
    ///
    /// # Errors
    /// `Config`, `CannotFence`, `CannotAttest` -> Reject.
    pub fn check(&self) -> Result<(), Error> {
        self.topology.check()?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'.' | b'_' | b'-');
        if self.prefix.len() > 128 || !self.prefix.bytes().all(allowed) {
            let why = "allowed are 128 bytes of [A-Za-z0-9:._-]".into();
            return Err(Error::Config { setting: "prefix", why });
        }
        if self.connections == 0 {
            return Err(Error::Config { setting: "connections", why: "at least one is needed".into() });
        }
        if let Some(replicas) = self.replicas {
            if replicas.count == 0 {
                return Err(Error::Config {
                    setting: "replicas",
                    why: "leave it out to wait for none".into(),
                });
            }
            // WAIT takes whole milliseconds, and 0 means for ever.
            if replicas.timeout < Duration::from_millis(1) || replicas.timeout >= self.request_timeout {
                let why = "it must be at least 1 ms and less than the request's timeout".into();
                return Err(Error::Config { setting: "replicas.timeout", why });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("topology", &self.topology)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .field("fsync", &self.fsync)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_that_cannot_work_is_refused() {
        let good = RedisConfig::single("redis://host");
        assert!(good.check().is_ok());
        let wait = |count, ms| Some(Replicas { count, timeout: Duration::from_millis(ms), synced: false });
        for wrong in [
            RedisConfig { prefix: "a{b".into(), ..good.clone() },
            RedisConfig { prefix: "a*".into(), ..good.clone() },
            RedisConfig { connections: 0, ..good.clone() },
            RedisConfig { replicas: wait(0, 100), ..good.clone() },
            RedisConfig { replicas: wait(1, 0), ..good.clone() },
            RedisConfig { replicas: wait(1, 10_000), ..good },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
