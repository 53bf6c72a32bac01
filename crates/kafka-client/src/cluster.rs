//! A cluster: where its brokers are, who leads what, and new connections to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::metadata::{Cache, Leader};
use crate::requests::{ApiVersionsResponse, Features, Metadata, MetadataResponse, Topics};
use crate::{ApiKey, BrokerId, Config, Connection, Error, ErrorCode, Request, Result};

/// A cluster. Cheap to clone; clones share what is known of it.
///
/// It keeps one connection of its own for metadata and coordinators. Everything else goes over connections that the
/// caller opens and owns, so that nothing is sent, repeated or reordered behind the caller's back.
#[derive(Debug, Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    cluster_id: String,
    versions: ApiVersionsResponse,
    cache: Mutex<Cache>,
    backoffs: Mutex<HashMap<BrokerId, Backoff>>,
    /// Where metadata and coordinators are asked for; replaced when it breaks.
    enquiries: tokio::sync::Mutex<Option<Connection>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// Connects to the first bootstrap server that answers.
    ///
    /// # Errors
    /// [`Error::NoBootstrap`] (Retry) names each server with its cause.
    pub async fn connect(config: Config) -> Result<Self> {
        let mut tried = Vec::new();
        for addr in &config.bootstrap_servers {
            match Box::pin(Self::first_look(addr, &config)).await {
                Ok((connection, response)) => {
                    return Ok(Self::from_first_look(config, connection, &response));
                }
                Err(error) => tried.push((addr.clone(), error)),
            }
        }
        Err(Error::NoBootstrap { tried })
    }

    async fn first_look(addr: &str, config: &Config) -> Result<(Connection, MetadataResponse)> {
        let connection = Connection::open(BrokerId::BOOTSTRAP, addr.into(), config).await?;
        let response = connection.send(Metadata { topics: Topics::Names(Vec::new()) }).await?;
        Ok((connection, response))
    }

    fn from_first_look(config: Config, connection: Connection, response: &MetadataResponse) -> Self {
        let mut cache = Cache::default();
        cache.update(response);
        Self {
            inner: Arc::new(Inner {
                config,
                cluster_id: response.cluster_id.clone().unwrap_or_default(),
                versions: connection.api_versions().clone(),
                cache: Mutex::new(cache),
                backoffs: Mutex::default(),
                enquiries: tokio::sync::Mutex::new(Some(connection)),
            }),
        }
    }

    /// `cluster.id`; empty where the broker names none.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.inner.cluster_id
    }

    /// Features that were finalized when [`connect`](Self::connect) asked. A later upgrade is seen by the
    /// [`api_versions`](Connection::api_versions) of new connections.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.inner.versions.features
    }

    /// True where the bootstrap server offers this version.
    #[must_use]
    pub fn supports(&self, api: ApiKey, version: i16) -> bool {
        self.inner.versions.range(api).is_some_and(|range| (range.min..=range.max).contains(&version))
    }

    /// How this cluster is reached.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Asks a broker about topics, and updates what is remembered. Topics with an error are entries, not an `Err`.
    ///
    /// # Errors
    /// As [`Connection::send`], after every known broker failed; Retry, since nothing is changed.
    pub async fn metadata(&self, topics: Topics) -> Result<MetadataResponse> {
        let response = self.enquire(Metadata { topics }).await?;
        lock(&self.inner.cache).update(&response);
        Ok(response)
    }

    /// Leader of a partition: as remembered, else as a broker says now.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata); [`Error::Broker`] with UNKNOWN_TOPIC_OR_PARTITION or LEADER_NOT_AVAILABLE
    /// (Retry).
    pub async fn leader(&self, topic: &str, partition: i32) -> Result<Leader> {
        let remembered = lock(&self.inner.cache).leader(topic, partition);
        if let Some(leader) = remembered {
            return Ok(leader);
        }
        let response = self.metadata(Topics::Names(vec![topic.to_owned()])).await?;
        if let Some(leader) = lock(&self.inner.cache).leader(topic, partition) {
            return Ok(leader);
        }
        let found = response.topics.iter().find(|t| t.name.as_deref() == Some(topic));
        let mut named = found.into_iter().flat_map(|found| &found.partitions);
        if named.any(|p| p.index == partition && p.leader.is_some() && p.error.is_ok()) {
            // It names a leader that was replaced: it may be cut off from the controller, so another one is asked next.
            *self.inner.enquiries.lock().await = None;
        }
        let code = match found {
            Some(found) if !found.error.is_ok() => found.error,
            Some(found) if found.partitions.iter().any(|p| p.index == partition) => {
                ErrorCode::LEADER_NOT_AVAILABLE
            }
            _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        };
        Err(code.into_error(BrokerId::BOOTSTRAP, ApiKey::Metadata).at(topic, partition))
    }

    /// Forgets the leaders of a topic: after an error whose [`refresh`](ErrorCode::refresh) says metadata.
    pub fn invalidate_topic(&self, topic: &str) {
        lock(&self.inner.cache).forget_topic(topic);
    }

    /// Opens a new connection, which the caller owns. After failures it first waits out a random pause per broker, so
    /// that a dead broker is not hammered.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Timeout`] (Retry: nothing was sent), [`Error::UnknownBroker`] (Retry), or as
    /// [`metadata`](Self::metadata) where the address has to be looked up.
    pub async fn open(&self, broker: BrokerId) -> Result<Connection> {
        let remembered = lock(&self.inner.cache).addr(broker);
        let addr = match remembered {
            Some(addr) => addr,
            None => {
                self.metadata(Topics::Names(Vec::new())).await?;
                lock(&self.inner.cache).addr(broker).ok_or(Error::UnknownBroker { broker })?
            }
        };
        self.connect_to(broker, addr).await
    }

    async fn connect_to(&self, broker: BrokerId, addr: Arc<str>) -> Result<Connection> {
        let pause = lock(&self.inner.backoffs).get(&broker).cloned();
        if let Some(pause) = pause {
            pause.wait().await;
        }
        let opened = Connection::open(broker, addr, &self.inner.config).await;
        let mut backoffs = lock(&self.inner.backoffs);
        if opened.is_ok() {
            backoffs.remove(&broker);
        } else {
            let (base, max) = (self.inner.config.reconnect_backoff, self.inner.config.reconnect_backoff_max);
            backoffs.entry(broker).or_insert_with(|| Backoff::new(base, max)).failed();
            drop(backoffs);
            // It may have come back at another address.
            lock(&self.inner.cache).forget_broker(broker);
        }
        opened
    }

    /// Opens a new connection to any live broker.
    ///
    /// # Errors
    /// [`Error::NoBootstrap`] (Retry) names every broker tried.
    pub async fn any(&self) -> Result<Connection> {
        let mut known: Vec<_> = {
            let (cache, backoffs) = (lock(&self.inner.cache), lock(&self.inner.backoffs));
            let mut known = Vec::new();
            for broker in cache.brokers() {
                let resting = backoffs.get(&broker).and_then(Backoff::not_before);
                known.extend(cache.addr(broker).map(|addr| (resting, rand::random::<u32>(), broker, addr)));
            }
            known
        };
        // Healthy brokers first, in random order, then the one that rests the least.
        known.sort();
        let mut tried = Vec::new();
        for (resting, _, broker, addr) in known {
            if resting.is_some_and(|until| until > Instant::now())
                && !self.inner.config.bootstrap_servers.is_empty()
            {
                continue;
            }
            match self.connect_to(broker, Arc::clone(&addr)).await {
                Ok(connection) => return Ok(connection),
                Err(error) => tried.push((addr.to_string(), error)),
            }
        }
        for addr in &self.inner.config.bootstrap_servers {
            match Connection::open(BrokerId::BOOTSTRAP, addr.as_str().into(), &self.inner.config).await {
                Ok(connection) => return Ok(connection),
                Err(error) => tried.push((addr.clone(), error)),
            }
        }
        Err(Error::NoBootstrap { tried })
    }

    /// Opens a new connection to the controller, or to the broker that stands in for it.
    ///
    /// # Errors
    /// As [`open`](Self::open); LEADER_NOT_AVAILABLE (Retry) while the cluster names no controller.
    pub async fn controller(&self) -> Result<Connection> {
        self.metadata(Topics::Names(Vec::new())).await?;
        let controller = lock(&self.inner.cache).controller();
        let none = || ErrorCode::LEADER_NOT_AVAILABLE.into_error(BrokerId::BOOTSTRAP, ApiKey::Metadata);
        self.open(controller.ok_or_else(none)?).await
    }

    /// Remembers an address that a response named.
    pub(crate) fn learn(&self, broker: &crate::Broker) {
        lock(&self.inner.cache).add_broker(broker);
    }

    /// Asks one question that changes nothing on the connection kept for that. A connection that broke meanwhile is
    /// replaced once: that is no failure of the cluster.
    pub(crate) async fn enquire<R: Request + Clone>(&self, request: R) -> Result<R::Response> {
        debug_assert!(R::KEY.is_read_only(), "only questions may be repeated");
        let kept = { self.inner.enquiries.lock().await.clone() };
        if let Some(connection) = kept.filter(|c| !c.is_closed()) {
            match connection.send(request.clone()).await {
                Err(Error::Io { .. } | Error::Closed { .. } | Error::Timeout { .. }) => {}
                other => return other,
            }
        }
        let connection = {
            let mut kept = self.inner.enquiries.lock().await;
            match kept.as_ref().filter(|c| !c.is_closed()) {
                Some(connection) => connection.clone(),
                None => kept.insert(Box::pin(self.any()).await?).clone(),
            }
        };
        connection.send(request).await
    }
}
