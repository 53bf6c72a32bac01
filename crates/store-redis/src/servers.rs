//! Who serves a task, in each topology.

use std::fmt;
use std::sync::Arc;

use crate::access::Access;
use crate::cluster::Cluster;
use crate::pool::Pool;
use crate::sentinel::Sentinel;
use crate::slots::{Address, Redirect};
use crate::{Error, RedisConfig, Topology};

/// The servers of a configuration.
pub(crate) struct Servers {
    config: RedisConfig,
    ways: Ways,
}

enum Ways {
    Single(Arc<Pool>),
    Sentinel(Box<Sentinel>),
    Cluster(Box<Cluster>),
}

impl Servers {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, Error> {
        config.check()?;
        let ways = match &config.topology {
            Topology::Single { url } => {
                let (access, addresses) = Access::of(&[url], &config.tls)?;
                let unusable = |_| Error::Config { setting: "url", why: "it cannot be used".into() };
                let address = addresses.into_iter().next();
                let client = address.map(|address| access.client(address)).transpose().map_err(unusable)?;
                let missing = || Error::Config { setting: "url", why: "it is missing".into() };
                Ways::Single(Arc::new(Pool::new(client.ok_or_else(missing)?, config)))
            }
            Topology::Sentinel { sentinels, primary } => {
                Ways::Sentinel(Box::new(Sentinel::new(sentinels, primary, config)?))
            }
            Topology::Cluster { urls } => Ways::Cluster(Box::new(Cluster::new(urls, config)?)),
            // The check has refused them.
            Topology::Enterprise { .. } | Topology::ActiveActive { .. } => {
                return Err(Error::Config { setting: "topology", why: "it is refused".into() });
            }
        };
        Ok(Self { config: config.clone(), ways })
    }

    /// The servers as a whole, for errors.
    pub(crate) fn name(&self) -> &str {
        match &self.ways {
            Ways::Single(pool) => &pool.server,
            Ways::Sentinel(sentinel) => &sentinel.name,
            Ways::Cluster(cluster) => &cluster.name,
        }
    }

    /// The server that serves the task of a hash tag.
    pub(crate) async fn of_task(&self, tag: &str) -> Result<Arc<Pool>, Error> {
        match &self.ways {
            Ways::Single(pool) => Ok(Arc::clone(pool)),
            Ways::Sentinel(sentinel) => sentinel.primary(&self.config).await,
            Ways::Cluster(cluster) => cluster.primary(tag, &self.config).await,
        }
    }

    /// Every server that serves tasks.
    pub(crate) async fn primaries(&self) -> Result<Vec<Arc<Pool>>, Error> {
        match &self.ways {
            Ways::Single(pool) => Ok(vec![Arc::clone(pool)]),
            Ways::Sentinel(sentinel) => Ok(vec![sentinel.primary(&self.config).await?]),
            Ways::Cluster(cluster) => cluster.primaries(&self.config).await,
        }
    }

    /// A server that may become a primary without anybody asking: connections of its own, for questions.
    pub(crate) fn heir(&self, address: Address) -> Result<Option<Pool>, Error> {
        let access = match &self.ways {
            Ways::Single(_) => return Ok(None),
            Ways::Sentinel(sentinel) => &sentinel.servers,
            Ways::Cluster(cluster) => &cluster.access,
        };
        let client = access.client(access.address(address.0, address.1));
        let client = client.map_err(|source| Error::of_connecting(self.name().to_owned(), source))?;
        Ok(Some(Pool::new(client, &self.config)))
    }

    /// Where a redirection leads. `None` where there is no cluster to redirect in.
    pub(crate) fn redirected(&self, to: &Redirect) -> Result<Option<Arc<Pool>>, Error> {
        let Ways::Cluster(cluster) = &self.ways else { return Ok(None) };
        let (Redirect::Moved(address) | Redirect::Ask(address)) = to;
        if let Redirect::Moved(_) = to {
            cluster.doubt();
        }
        cluster.pool(address, &self.config).map(Some)
    }

    /// After a failure: who serves what is asked again before the next call.
    pub(crate) fn doubt(&self) {
        match &self.ways {
            Ways::Single(_) => {}
            Ways::Sentinel(sentinel) => sentinel.doubt(),
            Ways::Cluster(cluster) => cluster.doubt(),
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("name", &self.name()).finish_non_exhaustive()
    }
}
