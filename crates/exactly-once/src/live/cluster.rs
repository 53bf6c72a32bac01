//! A Kafka cluster as it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use velostream_connector_kafka::client::{
    Cluster, ConfigResource, DescribeConfigs, Error, MetadataResponse, ResourceKind, Topics,
};

use super::problem::{Problems, Side};
use crate::config::{ClientConfig, Servers};
use crate::settings;

/// Longest wait for a connection, and for each answer: somebody waits in front of a terminal.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);

/// A Kafka cluster as it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClusterSeen {
    /// Where it was looked for.
    pub bootstrap_servers: String,
    /// False where nobody answered; nothing else is known then.
    pub reachable: bool,
    /// `cluster.id`.
    pub cluster_id: Option<String>,
    /// Live brokers.
    pub brokers: Vec<BrokerSeen>,
    /// The controller, or any broker that forwards to it.
    pub controller: Option<i32>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BrokerSeen {
    /// Node id.
    pub id: i32,
    /// `host:port` that clients are sent to.
    pub address: String,
    /// Rack, where it has one.
    pub rack: Option<String>,
}

/// Settings of topics, by topic and name.
pub(super) type Settings = BTreeMap<String, BTreeMap<String, String>>;

/// The outcome of a first question.
pub(super) struct Reached {
    servers: String,
    side: Side,
    answer: Result<(Cluster, MetadataResponse), Error>,
}

pub(super) async fn reach(servers: &Servers, client: &ClientConfig, side: Side) -> Reached {
    let mut config = settings::kafka::client(servers, client);
    config.connect_timeout = config.connect_timeout.min(CONNECT);
    config.request_timeout = config.request_timeout.min(ANSWER);
    let answer = async {
        let cluster = Cluster::connect(config).await?;
        let metadata = cluster.metadata(Topics::All).await?;
        Ok((cluster, metadata))
    };
    Reached { servers: servers.to_string(), side, answer: answer.await }
}

impl Reached {
    /// What is shown of it, and the cluster where it answered.
    pub(super) fn seen(self, problems: &mut Problems) -> (ClusterSeen, Option<(Cluster, MetadataResponse)>) {
        let mut seen = ClusterSeen { bootstrap_servers: self.servers, ..ClusterSeen::default() };
        let (cluster, metadata) = match self.answer {
            Ok(answer) => answer,
            Err(error) => {
                problems.error(self.side, error.code(), &error);
                return (seen, None);
            }
        };
        seen.reachable = true;
        seen.cluster_id.clone_from(&metadata.cluster_id);
        seen.controller = metadata.controller.map(|id| id.0);
        let broker = |b: &velostream_connector_kafka::client::Broker| BrokerSeen {
            id: b.id.0,
            address: b.addr().to_string(),
            rack: b.rack.clone(),
        };
        seen.brokers = metadata.brokers.iter().map(broker).collect();
        seen.brokers.sort_by_key(|broker| broker.id);
        (seen, Some((cluster, metadata)))
    }
}

/// Settings of topics; one that may not be asked for is left out and named.
pub(super) async fn describe(
    cluster: &Cluster,
    topics: impl IntoIterator<Item = &str>,
    keys: &[&str],
    side: Side,
    problems: &mut Problems,
) -> Settings {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let resource = |name: &str| ConfigResource {
        kind: ResourceKind::Topic,
        name: name.to_owned(),
        keys: Some(keys.clone()),
    };
    let resources: Vec<_> = topics.into_iter().map(resource).collect();
    if resources.is_empty() {
        return Settings::new();
    }
    let answer = async {
        let connection = cluster.any().await?;
        let answer = connection.send(DescribeConfigs { resources }).await?;
        Ok::<_, Error>((connection.broker(), answer))
    };
    let (broker, answer) = match answer.await {
        Ok(answer) => answer,
        Err(error) => {
            problems.error(side, error.code(), &error);
            return Settings::new();
        }
    };
    let mut settings = Settings::new();
    for described in answer.resources {
        if let Err(error) = described.check(broker) {
            problems.error(side, error.code(), &error);
            continue;
        }
        let entries = described.entries.into_iter().filter_map(|e| Some((e.name, e.value?))).collect();
        settings.insert(described.name, entries);
    }
    settings
}
