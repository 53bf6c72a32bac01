//! Which partitions of the source belong to a job, and where they start.

use std::sync::Arc;

use velostream_core::{KafkaPartition, SourcePosition, SplitId};
use velostream_kafka_client::{Cluster, Isolation, Topics};

use crate::config::{SourceConfig, Start, TopicPattern};
use crate::error::{Error, Result};
use crate::offsets::{Spec, list_offsets};

/// The partitions of all topics that the job takes, by topic and partition.
pub(crate) async fn discover(cluster: &Cluster, config: &SourceConfig) -> Result<Vec<KafkaPartition>> {
    let metadata = cluster.metadata(Topics::All).await.map_err(Error::client("source: list of topics"))?;
    // A topic without a name can only come from a request by id.
    let topics: Vec<_> = metadata.topics.iter().filter_map(|t| Some((t.name.as_deref()?, t))).collect();
    let cluster_id: Arc<str> = cluster.cluster_id().into();
    // Internal topics (consumer offsets, transaction state, our own) are never meant by an expression.
    let ordinary = |name: &str| !name.starts_with("__");
    for pattern in &config.topics {
        match pattern {
            TopicPattern::Name(name) if !topics.iter().any(|(t, _)| t == name) => {
                let (topic, cluster) = (name.clone(), cluster_id.to_string());
                return Err(Error::TopicMissing { topic, side: "source", cluster });
            }
            TopicPattern::Regex(regex) if !topics.iter().any(|(t, _)| ordinary(t) && pattern.matches(t)) => {
                return Err(Error::NoTopicMatches {
                    pattern: format!("/{regex}/"),
                    topics: topics.len(),
                    cluster: cluster_id.to_string(),
                });
            }
            TopicPattern::Name(_) | TopicPattern::Regex(_) => {}
        }
    }
    let named = |name: &str| config.topics.iter().any(|p| matches!(p, TopicPattern::Name(n) if n == name));
    let mut partitions: Vec<_> = topics
        .iter()
        .filter(|(name, _)| config.takes(name) && (ordinary(name) || named(name)))
        .flat_map(|(name, t)| {
            let topic: Arc<str> = (*name).into();
            let cluster_id = Arc::clone(&cluster_id);
            t.partitions.iter().map(move |p| KafkaPartition {
                cluster_id: Arc::clone(&cluster_id),
                topic: Arc::clone(&topic),
                topic_id: t.id,
                partition: p.index,
            })
        })
        .collect();
    partitions.sort();
    Ok(partitions)
}

/// The offset that a start policy means right now. Called by the registrar only, once per split (R12).
pub(crate) async fn resolve_start(
    cluster: &Cluster,
    partition: &KafkaPartition,
    start: Start,
) -> Result<i64> {
    let spec = match start {
        Start::Earliest => Spec::Earliest,
        Start::Latest => Spec::Latest,
        Start::Timestamp(ms) => Spec::Timestamp(ms),
    };
    let context = || format!("source {partition}: start offset");
    let leader =
        cluster.leader(&partition.topic, partition.partition).await.map_err(Error::client(context()))?;
    let connection = cluster.open(leader.broker).await.map_err(Error::client(context()))?;
    let at = (&*partition.topic, partition.partition, leader.epoch);
    let found = list_offsets(&connection, at, spec, Isolation::ReadCommitted).await?;
    if found >= 0 {
        return Ok(found);
    }
    // No record is that young: the end.
    list_offsets(&connection, at, Spec::Latest, Isolation::ReadCommitted).await
}

/// Every split of the job with the position that its start policy means right now, for sinks that pin it themselves.
///
/// # Errors
/// `Reject` where a topic is missing or an expression matches none; what the client says where the cluster cannot be
/// asked.
pub async fn starting_positions(
    cluster: &Cluster,
    config: &SourceConfig,
) -> Result<Vec<(SplitId, SourcePosition)>> {
    let mut positions = Vec::new();
    for partition in discover(cluster, config).await? {
        let offset = resolve_start(cluster, &partition, config.start).await?;
        let split = split_of(&partition);
        positions.push((
            split,
            SourcePosition::Kafka { partition: Arc::new(partition), offset, leader_epoch: -1 },
        ));
    }
    Ok(positions)
}

/// The split's name: stable, and different for a topic that was created again.
pub(crate) fn split_of(partition: &KafkaPartition) -> SplitId {
    SplitId::new(format!("{}-{}@{}", partition.topic, partition.partition, partition.topic_id))
}
