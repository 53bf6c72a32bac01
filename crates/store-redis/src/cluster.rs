//! The servers of a cluster, and which of them serves which slot.
//!
//! The library's own cluster connection is not used: it repeats commands after a lost connection, and shares one
//! connection to each server among all calls, which WAIT holds up.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, Pipeline, RedisError, Value, cmd};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;

use crate::access::Access;
use crate::pool::Pool;
use crate::slots::{Address, Slots, slot};
use crate::{Error, RedisConfig};

/// A cluster.
pub(crate) struct Cluster {
    /// For errors where no server has answered.
    pub(crate) name: String,
    pub(crate) access: Access,
    seeds: Vec<Address>,
    pools: Mutex<BTreeMap<Address, Arc<Pool>>>,
    slots: Mutex<Option<Arc<Slots>>>,
    /// One question for the slots at a time.
    asking: AsyncMutex<()>,
}

impl Cluster {
    /// Connects to nothing yet.
    pub(crate) fn new(urls: &[String], config: &RedisConfig) -> Result<Self, Error> {
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let (access, addresses) = Access::of(&urls, &config.tls)?;
        let mut seeds = Vec::with_capacity(addresses.len());
        for address in addresses {
            match address {
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                    seeds.push((host, port));
                }
                _ => {
                    let why = "a cluster is not reached by a local socket".into();
                    return Err(Error::Config { setting: "urls", why });
                }
            }
        }
        let shown: Vec<String> = seeds.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        Ok(Self {
            name: format!("cluster of {}", shown.join(", ")),
            access,
            seeds,
            pools: Mutex::default(),
            slots: Mutex::default(),
            asking: AsyncMutex::default(),
        })
    }

    /// The primary that serves a hash tag.
    pub(crate) async fn primary(&self, tag: &str, config: &RedisConfig) -> Result<Arc<Pool>, Error> {
        let slots = self.slots(config).await?;
        match slots.primary(slot(tag)) {
            Some(address) => self.pool(address, config),
            None => Err(self.unreachable((ErrorKind::Client, "a slot without a server").into())),
        }
    }

    /// Every primary that serves slots.
    pub(crate) async fn primaries(&self, config: &RedisConfig) -> Result<Vec<Arc<Pool>>, Error> {
        let slots = self.slots(config).await?;
        slots.primaries().into_iter().map(|address| self.pool(address, config)).collect()
    }

    /// The connections to one server.
    pub(crate) fn pool(&self, address: &Address, config: &RedisConfig) -> Result<Arc<Pool>, Error> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(Arc::clone(pool));
        }
        let client = self.access.client(self.access.address(address.0.clone(), address.1));
        let pool = Arc::new(Pool::new(client.map_err(|source| self.unreachable(source))?, config));
        pools.insert(address.clone(), Arc::clone(&pool));
        Ok(pool)
    }

    /// Asks for the slots again before the next call.
    pub(crate) fn doubt(&self) {
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn known(&self) -> Option<Arc<Slots>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn slots(&self, config: &RedisConfig) -> Result<Arc<Slots>, Error> {
        if let Some(slots) = self.known() {
            return Ok(slots);
        }
        let _one_at_a_time = self.asking.lock().await;
        // Asked by somebody else meanwhile.
        if let Some(slots) = self.known() {
            return Ok(slots);
        }
        let slots = Arc::new(self.ask_any(config).await?);
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&slots));
        let wanted = slots.primaries();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|address, _| self.seeds.contains(address) || wanted.contains(&address));
        Ok(slots)
    }

    /// Asks all servers that are known, and takes the first answer: some may be gone and keep silent.
    async fn ask_any(&self, config: &RedisConfig) -> Result<Slots, Error> {
        for seed in &self.seeds {
            self.pool(seed, config)?;
        }
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut asked = JoinSet::new();
        for pool in pools.into_values() {
            let limit = config.connect_timeout;
            asked.spawn(async move { ask(&pool, limit).await });
        }
        let mut failed = None;
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(slots)) => return Ok(slots),
                // What a server refuses says more than one that cannot be reached.
                Ok(Err(error)) if failed.is_none() || matches!(error, Error::Denied { .. }) => {
                    failed = Some(error);
                }
                _ => {}
            }
        }
        Err(failed.unwrap_or_else(|| self.unreachable((ErrorKind::Client, "no server answers").into())))
    }

    fn unreachable(&self, source: RedisError) -> Error {
        Error::of_connecting(self.name.clone(), source)
    }
}

/// The slots as one server sees them.
async fn ask(pool: &Pool, limit: Duration) -> Result<Slots, Error> {
    let failed = |source| Error::of_connecting(pool.server.clone(), source);
    let mut lease = pool.lease().await?;
    let mut question = Pipeline::with_capacity(1);
    question.add_command(cmd("CLUSTER").arg("SLOTS").to_owned());
    let answered = tokio::time::timeout(limit, lease.exchange(&question)).await;
    let answers = answered.map_err(|elapsed| failed(io::Error::from(elapsed).into()))?.map_err(failed)?;
    lease.keep();
    let answer = answers.into_iter().next().unwrap_or(Value::Nil).extract_error().map_err(failed)?;
    Slots::parse(answer, &pool.address()).map_err(failed)
}
