//! Destination topics: created where missing, checked where present (R16).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use velostream_core::{Clock, TopicId};
use velostream_kafka_client::{
    ApiKey, Cluster, ConfigResource, CreatePartitions, CreateTopics, DescribeConfigs, DescribedConfig,
    ErrorCode, Isolation, NewPartitions, NewTopic, ResourceKind, Topics,
};

use super::settings::{Concern, DestinationSettings};
use crate::config::SinkConfig;
use crate::connections::Connections;
use crate::error::{Error, Result};
use crate::offsets::{Spec, list_offsets};
use crate::retention::Retention;

/// A destination topic as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkTopic {
    pub(crate) topic: String,
    #[serde(with = "hex")]
    pub(crate) topic_id: TopicId,
    /// Largest batch that it takes.
    pub(crate) max_message_bytes: usize,
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};
    use velostream_core::TopicId;

    pub(super) fn serialize<S: Serializer>(id: &TopicId, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&id.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<TopicId, D::Error> {
        let text = String::deserialize(d)?;
        Ok(crate::journal::parse_topic_id(&text))
    }
}

/// What a source topic needs of its destination.
#[derive(Debug, Clone)]
pub(crate) struct Needed {
    pub(crate) source_topic: String,
    pub(crate) destination: String,
    pub(crate) partitions: usize,
    /// The job has delivered to the destination before and creates topics: it follows the source's growth.
    pub(crate) may_grow: bool,
    /// Settings of the source topic.
    pub(crate) settings: BTreeMap<String, String>,
}

const CREATE_DEADLINE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);
/// Creates what is missing and checks what is there.
pub(crate) async fn prepare_topics(
    cluster: &Cluster,
    config: &SinkConfig,
    clock: &Arc<dyn Clock>,
    needed: &[Needed],
) -> Result<BTreeMap<String, SinkTopic>> {
    let names = || Topics::Names(needed.iter().map(|n| n.destination.clone()).collect());
    let metadata = cluster.metadata(names()).await.map_err(Error::client("sink: list of topics"))?;
    let missing: Vec<&Needed> = needed
        .iter()
        .filter(|n| {
            !metadata.topics.iter().any(|t| t.name.as_ref() == Some(&n.destination) && t.error.is_ok())
        })
        .collect();
    if let Some(first) = missing.first() {
        if !config.create_topics {
            return Err(Error::TopicMissing {
                topic: first.destination.clone(),
                side: "sink",
                cluster: cluster.cluster_id().to_owned(),
            });
        }
        create(cluster, config, &missing).await?;
        for topic in &missing {
            await_leaders(cluster, clock, &topic.destination, topic.partitions).await?;
        }
    }
    let metadata = cluster.metadata(names()).await.map_err(Error::client("sink: list of topics"))?;
    let settings =
        describe(cluster, ResourceKind::Topic, needed.iter().map(|n| n.destination.clone())).await?;
    let mut found = BTreeMap::new();
    for need in needed {
        let Some(topic) = metadata.topics.iter().find(|t| t.name.as_ref() == Some(&need.destination)) else {
            continue;
        };
        if topic.partitions.len() < need.partitions && need.may_grow {
            grow(cluster, clock, &need.destination, need.partitions).await?;
        } else if topic.partitions.len() < need.partitions {
            return Err(Error::SinkPartitions {
                topic: need.destination.clone(),
                source_topic: need.source_topic.clone(),
                has: topic.partitions.len(),
                needs: need.partitions,
            });
        }
        let max_message_bytes = check(need, settings.get(&need.destination))?;
        let sink = SinkTopic { topic: need.destination.clone(), topic_id: topic.id, max_message_bytes };
        found.insert(need.destination.clone(), sink);
    }
    Ok(found)
}

async fn create(cluster: &Cluster, config: &SinkConfig, missing: &[&Needed]) -> Result<()> {
    let context = || "sink: create topics".to_owned();
    let controller = cluster.controller().await.map_err(Error::client(context()))?;
    let topics = missing
        .iter()
        .map(|n| NewTopic {
            name: n.destination.clone(),
            partitions: i32::try_from(n.partitions).unwrap_or(i32::MAX),
            replication: config.replication_factor,
            configs: DestinationSettings::for_source(&n.settings),
        })
        .collect();
    let request = CreateTopics { topics, timeout: CREATE_DEADLINE, validate_only: false };
    let answer =
        controller.send_within(request, CREATE_DEADLINE * 2).await.map_err(Error::client(context()))?;
    for topic in answer.topics {
        match topic.error {
            ErrorCode::NONE => info!(topic = topic.name, "created on the sink"),
            ErrorCode::TOPIC_ALREADY_EXISTS => {}
            code => {
                let words = topic.error_message.unwrap_or_default();
                let context = format!("sink: create topic {}: {words}", topic.name);
                code.check(controller.broker(), ApiKey::CreateTopics).map_err(Error::client(context))?;
            }
        }
    }
    Ok(())
}

/// Adds partitions to a destination whose source has grown.
async fn grow(cluster: &Cluster, clock: &Arc<dyn Clock>, topic: &str, partitions: usize) -> Result<()> {
    let context = || format!("sink: add partitions to topic {topic}");
    let controller = cluster.controller().await.map_err(Error::client(context()))?;
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let topics = vec![NewPartitions { name: topic.to_owned(), count }];
    let request = CreatePartitions { topics, timeout: CREATE_DEADLINE, validate_only: false };
    let answer =
        controller.send_within(request, CREATE_DEADLINE * 2).await.map_err(Error::client(context()))?;
    for result in answer.topics {
        match result.error {
            ErrorCode::NONE => info!(topic, partitions, "added partitions on the sink"),
            // Another worker was faster; the leaders tell.
            ErrorCode::INVALID_PARTITIONS => {}
            code => {
                let context = format!("{}: {}", context(), result.error_message.unwrap_or_default());
                code.check(controller.broker(), ApiKey::CreatePartitions).map_err(Error::client(context))?;
            }
        }
    }
    cluster.invalidate_topic(topic);
    await_leaders(cluster, clock, topic, partitions).await
}

/// Metadata names a leader up to 200 ms before it takes data; waiting here keeps that out of transactions.
pub(crate) async fn await_leaders(
    cluster: &Cluster,
    clock: &Arc<dyn Clock>,
    topic: &str,
    partitions: usize,
) -> Result<()> {
    let started = clock.monotonic();
    let mut connections = Connections::new(cluster.clone(), "sink");
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        loop {
            let ready = async {
                let connection = connections.leader_of(topic, partition).await?;
                let at = (topic, partition, -1);
                list_offsets(&connection, at, Spec::Latest, Isolation::ReadUncommitted).await
            };
            match ready.await {
                Ok(_) => break,
                Err(error) if clock.monotonic().saturating_sub(started) > CREATE_DEADLINE => {
                    return Err(error);
                }
                Err(_) => {
                    cluster.invalidate_topic(topic);
                    clock.sleep(POLL).await;
                }
            }
        }
    }
    Ok(())
}

/// Settings of topics, by topic and name.
pub(crate) async fn describe(
    cluster: &Cluster,
    kind: ResourceKind,
    names: impl Iterator<Item = String>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let keys = DestinationSettings::KEYS.map(str::to_owned).to_vec();
    let resources =
        names.map(|name| ConfigResource { kind, name, keys: Some(keys.clone()) }).collect::<Vec<_>>();
    let context = || "settings of topics".to_owned();
    let connection = cluster.any().await.map_err(Error::client(context()))?;
    let answer = connection.send(DescribeConfigs { resources }).await.map_err(Error::client(context()))?;
    let mut settings = BTreeMap::new();
    for DescribedConfig { error, name, entries, .. } in answer.resources {
        error
            .check(connection.broker(), ApiKey::DescribeConfigs)
            .map_err(Error::client(format!("settings of topic {name}")))?;
        let entries = entries.into_iter().filter_map(|e| Some((e.name, e.value?))).collect();
        settings.insert(name, entries);
    }
    Ok(settings)
}

/// Refuses settings that would change every record and warns of those that may refuse one; returns the largest batch
/// that the topic takes.
fn check(need: &Needed, settings: Option<&BTreeMap<String, String>>) -> Result<usize> {
    let Some(settings) = settings else { return Ok(usize::MAX) };
    let destination = DestinationSettings::of(&need.destination, settings);
    destination.check()?;
    let source_bytes = DestinationSettings::of(&need.source_topic, &need.settings).max_message_bytes();
    for concern in destination.concerns(source_bytes, &Retention::of(&need.settings)) {
        let Concern { setting, value, what, remedy } = concern;
        warn!(topic = need.destination, source_topic = need.source_topic, setting, value, remedy, "{what}");
    }
    let bytes = destination.max_message_bytes();
    Ok(bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX))
}
