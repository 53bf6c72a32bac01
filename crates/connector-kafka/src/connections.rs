//! Connections to brokers, for one purpose.

use std::collections::BTreeMap;

use velostream_kafka_client::{BrokerId, Cluster, Connection};

use crate::error::{Error, Result};

/// One of several connections to a broker. What is sent on one is answered in order; a broker works on one request of a
/// connection at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Road {
    pub(crate) broker: BrokerId,
    pub(crate) number: usize,
}

/// Connections that one owner uses for one purpose; nobody else's requests wait behind its own.
#[derive(Debug)]
pub(crate) struct Connections {
    cluster: Cluster,
    /// `source` or `sink`, for messages.
    side: &'static str,
    open: BTreeMap<Road, Connection>,
}

impl Connections {
    pub(crate) const fn new(cluster: Cluster, side: &'static str) -> Self {
        Self { cluster, side, open: BTreeMap::new() }
    }

    pub(crate) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The first connection to a broker, opened where there is none that works.
    pub(crate) async fn to(&mut self, broker: BrokerId) -> Result<Connection> {
        self.on(Road { broker, number: 0 }).await
    }

    /// One of the connections to a broker, opened where there is none that works.
    pub(crate) async fn on(&mut self, road: Road) -> Result<Connection> {
        if let Some(connection) = self.open.get(&road).filter(|c| !c.is_closed()) {
            return Ok(connection.clone());
        }
        let broker = road.broker;
        let context = format!("{} broker {broker}", self.side);
        let connection = self.cluster.open(broker).await.map_err(Error::client(context))?;
        self.open.insert(road, connection.clone());
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

    /// Forgets the connections to one broker.
    pub(crate) fn forget(&mut self, broker: BrokerId) {
        self.open.retain(|road, connection| {
            if road.broker == broker {
                connection.close();
            }
            road.broker != broker
        });
    }

    /// Closes all, so that nothing that was sent on them is still to come.
    pub(crate) fn close(&mut self) {
        for connection in std::mem::take(&mut self.open).into_values() {
            connection.close();
        }
    }
}
