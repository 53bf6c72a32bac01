//! What a Kafka source holds of a job's topics.

use serde::Serialize;
use velostream_connector_kafka as connector;
use velostream_connector_kafka::client::{ApiKey, BrokerId, MetadataTopic};
use velostream_connector_kafka::{Retention, TopicPattern};
use velostream_core::Code;

use super::cluster::{ClusterSeen, Reached, describe};
use super::problem::{Problems, Side};
use crate::config::{JobFile, KafkaSource};
use crate::settings;

/// Settings that decide whether a destination fits.
const KEYS: [&str; 5] =
    ["max.message.bytes", "cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type"];

/// A Kafka source as it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KafkaSourceSeen {
    /// The cluster.
    #[serde(flatten)]
    pub cluster: ClusterSeen,
    /// Each name and expression of `topics` with what it matches.
    pub patterns: Vec<PatternSeen>,
    /// Topics that the job reads.
    pub topics: Vec<TopicSeen>,
}

/// One entry of `topics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PatternSeen {
    /// As the job file has it.
    pub pattern: String,
    /// Topics that it matches and the job reads.
    pub topics: Vec<String>,
    /// Topics that it matches and `exclude` takes out.
    pub excluded: Vec<String>,
}

/// A topic that the job reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TopicSeen {
    /// Name.
    pub topic: String,
    /// Number of partitions.
    pub partitions: usize,
    /// Partitions that cannot be read now.
    pub without_leader: usize,
    /// Largest batch, where it may be asked for.
    pub max_message_bytes: Option<u64>,
    /// How long it keeps records, where it may be asked for.
    pub retention: Retention,
}

pub(super) async fn look(
    job: &JobFile,
    source: &KafkaSource,
    reached: Reached,
    problems: &mut Problems,
) -> KafkaSourceSeen {
    let (cluster_seen, answered) = reached.seen(problems);
    let mut seen = KafkaSourceSeen { cluster: cluster_seen, ..KafkaSourceSeen::default() };
    let Some((cluster, metadata)) = answered else { return seen };
    let config = settings::kafka::source(job, source, false);
    let mut topics: Vec<(&str, &MetadataTopic)> =
        metadata.topics.iter().filter_map(|t| Some((t.name.as_deref()?, t))).collect();
    topics.sort_by_key(|(name, _)| *name);
    for pattern in &config.topics {
        let matched = topics.iter().map(|(name, _)| *name).filter(|name| means(pattern, name));
        let (taken, excluded): (Vec<_>, Vec<_>) =
            matched.map(ToOwned::to_owned).partition(|name| config.takes(name));
        if taken.is_empty() && excluded.is_empty() {
            nothing_matches(pattern, topics.len(), cluster.cluster_id(), problems);
        }
        seen.patterns.push(PatternSeen { pattern: text(pattern), topics: taken, excluded });
    }
    let taken = |name: &str| config.takes(name) && config.topics.iter().any(|p| means(p, name));
    topics.retain(|(name, _)| taken(name));
    if topics.is_empty() && seen.patterns.iter().any(|p| !p.excluded.is_empty()) {
        problems.blocks(Side::Source, Code::NoTopicMatches, "`exclude` leaves no topic to read");
    }
    let names = topics.iter().map(|(name, _)| *name);
    let settings = describe(&cluster, names, &KEYS, Side::Source, problems).await;
    for (name, topic) in topics {
        if !topic.error.is_ok() {
            let error = topic.error.into_error(BrokerId::BOOTSTRAP, ApiKey::Metadata).of(name);
            problems.error(Side::Source, error.code(), &error);
        }
        let without_leader = topic.partitions.iter().filter(|p| p.leader.is_none()).count();
        if without_leader > 0 {
            problems.warns(
                Side::Source,
                Code::KafkaIo,
                format!("{without_leader} of {} partitions of {name} have no leader", topic.partitions.len()),
                "The job waits for them; look at the brokers that should lead them.",
            );
        }
        let setting = |key: &str| settings.get(name).and_then(|s| s.get(key)).cloned();
        seen.topics.push(TopicSeen {
            topic: name.to_owned(),
            partitions: topic.partitions.len(),
            without_leader,
            max_message_bytes: setting("max.message.bytes").and_then(|v| v.parse().ok()),
            retention: settings.get(name).map(Retention::of).unwrap_or_default(),
        });
    }
    seen
}

/// As the job itself matches: an expression never means a topic that brokers or velostream keep for themselves.
fn means(pattern: &TopicPattern, topic: &str) -> bool {
    pattern.matches(topic) && (matches!(pattern, TopicPattern::Name(_)) || !topic.starts_with("__"))
}

fn text(pattern: &TopicPattern) -> String {
    match pattern {
        TopicPattern::Name(name) => name.clone(),
        TopicPattern::Regex(regex) => format!("/{regex}/"),
    }
}

/// In the words of the job itself.
fn nothing_matches(pattern: &TopicPattern, topics: usize, cluster: &str, problems: &mut Problems) {
    let cluster = cluster.to_owned();
    let error = match pattern {
        TopicPattern::Name(name) => {
            connector::Error::TopicMissing { topic: name.clone(), side: "source", cluster }
        }
        TopicPattern::Regex(_) => {
            connector::Error::NoTopicMatches { pattern: text(pattern), topics, cluster }
        }
    };
    problems.error(Side::Source, error.code(), &error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expression_never_means_a_topic_that_is_kept_for_others() {
        let all = TopicPattern::Regex(".*".parse().unwrap());
        assert!(means(&all, "orders") && !means(&all, "__consumer_offsets"));
        assert!(means(&TopicPattern::Name("__mine".to_owned()), "__mine"));
    }
}
