//! A cluster behind a proxy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::proxy::{Observer, Proxy};
use crate::services::{ClusterOptions, KafkaCluster};

/// A cluster of one node, which clients reach past the proxy or by way of it.
#[derive(Debug)]
pub struct Side {
    /// The proxy in front of the node.
    pub proxy: Proxy,
    /// Bootstrap servers past the proxy: for load, readers and verifier.
    pub direct: String,
    /// Bootstrap servers by way of the proxy: for the program.
    pub proxied: String,
    // Last, so that connections are gone before the node goes.
    cluster: Mutex<KafkaCluster>,
}

impl Side {
    /// Starts clusters of one node each, all at once, and waits until their coordinators answer.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start_all(options: Vec<ClusterOptions>, observer: &Arc<Observer>) -> Result<Vec<Self>> {
        let proxies =
            options.iter().map(|_| Proxy::bind(Arc::clone(observer))).collect::<Result<Vec<_>>>()?;
        let behind = options.into_iter().zip(&proxies).map(|(one, proxy)| one.behind(&[proxy.port()]));
        let clusters = KafkaCluster::start_all(behind.collect())?;
        clusters.iter().try_for_each(KafkaCluster::await_coordinators)?;
        let front = |(proxy, cluster): (Proxy, KafkaCluster)| {
            let node = cluster.nodes().first().context("a node")?;
            proxy.forward_to(node.proxied().context("a listener for the proxy")?.port);
            let (direct, proxied) = (cluster.bootstrap(), cluster.proxied_bootstrap());
            Ok(Self { proxy, direct, proxied, cluster: Mutex::new(cluster) })
        };
        proxies.into_iter().zip(clusters).map(front).collect()
    }

    /// The cluster itself, to kill and restart its node. Whoever else asks waits meanwhile.
    pub fn cluster(&self) -> MutexGuard<'_, KafkaCluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
