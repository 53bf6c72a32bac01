//! One connection per broker, for one purpose.

use std::collections::BTreeMap;

use velostream_kafka_client::{BrokerId, Cluster, Connection};

use crate::error::{Error, Result};

/// Connections that one owner uses for one purpose; nobody else's requests wait behind its own.
#[derive(Debug)]
pub(crate) struct Connections {
    cluster: Cluster,
    /// `source` or `sink`, for messages.
    side: &'static str,
    open: BTreeMap<BrokerId, Connection>,
}

impl Connections {
    pub(crate) const fn new(cluster: Cluster, side: &'static str) -> Self {
        Self { cluster, side, open: BTreeMap::new() }
    }

    pub(crate) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The connection to a broker, opened where there is none that works.
    pub(crate) async fn to(&mut self, broker: BrokerId) -> Result<Connection> {
        if let Some(connection) = self.open.get(&broker).filter(|c| !c.is_closed()) {
            return Ok(connection.clone());
        }
        let context = format!("{} broker {broker}", self.side);
        let connection = self.cluster.open(broker).await.map_err(Error::client(context))?;
        self.open.insert(broker, connection.clone());
        Ok(connection)
    }

    /// The connection to the leader of a partition.
    pub(crate) async fn leader_of(&mut self, topic: &str, partition: i32) -> Result<Connection> {
        let context = || format!("{} {topic}-{partition}", self.side);
        let leader = self.cluster.leader(topic, partition).await.map_err(Error::client(context()))?;
        self.to(leader.broker).await
    }

    /// True where a connection that was in use has closed by itself: its broker may have been away.
    pub(crate) fn any_lost(&self) -> bool {
        self.open.values().any(Connection::is_closed)
    }

    /// Forgets the connection to one broker.
    pub(crate) fn forget(&mut self, broker: BrokerId) {
        if let Some(connection) = self.open.remove(&broker) {
            connection.close();
        }
    }

    /// Closes all, so that nothing that was sent on them is still to come.
    pub(crate) fn close(&mut self) {
        for connection in std::mem::take(&mut self.open).into_values() {
            connection.close();
        }
    }
}
