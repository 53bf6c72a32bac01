//! Destination topics: there or to be made, and whether they take what the source holds.

use std::collections::BTreeMap;

use serde::Serialize;
use velostream_connector_kafka as connector;
use velostream_connector_kafka::Retention;
use velostream_connector_kafka::client::MetadataTopic;
use velostream_core::Code;

use super::cluster::Settings;
use super::kafka_source::TopicSeen;
use super::problem::{Problems, Side};
use crate::config::KafkaSink;

/// Settings of a destination that decide whether it takes every record as it is (R16), and whether it keeps it.
pub(super) const KEYS: [&str; 10] = [
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
    "max.message.bytes",
    "compression.type",
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "min.insync.replicas",
    "unclean.leader.election.enable",
];

/// "No limit" of a timestamp: `Long.MAX_VALUE`, the default of `message.timestamp.before.max.ms`.
const UNLIMITED: &str = "9223372036854775807";

/// Copies that survive the loss of one disk while another broker restarts.
const SAFE_COPIES: usize = 3;

/// Whether a topic is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TopicState {
    /// It is there.
    Present,
    /// The job will create it.
    ToBeCreated,
    /// It is not there, and the job may not create it.
    Missing,
}

/// One destination topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DestinationSeen {
    /// Name.
    pub topic: String,
    /// Source topic that goes there.
    pub source_topic: String,
    /// Whether it is there.
    pub state: TopicState,
    /// Partitions that it has, or will have.
    pub partitions: usize,
    /// Partitions that the source topic has.
    pub needs_partitions: usize,
    /// Copies of each partition; absent where it is not there.
    pub replicas: Option<usize>,
    /// What it is set to.
    pub settings: BTreeMap<String, String>,
}

pub(super) fn destination(
    sink: &KafkaSink,
    source: &TopicSeen,
    found: Option<&MetadataTopic>,
    settings: &Settings,
    cluster_id: &str,
    problems: &mut Problems,
) -> DestinationSeen {
    let topic = sink.destination(&source.topic);
    let mut seen = DestinationSeen {
        source_topic: source.topic.clone(),
        state: TopicState::Present,
        partitions: source.partitions,
        needs_partitions: source.partitions,
        replicas: None,
        settings: settings.get(&topic).cloned().unwrap_or_default(),
        topic,
    };
    let Some(found) = found else {
        seen.state = if sink.create_topics { TopicState::ToBeCreated } else { TopicState::Missing };
        if seen.state == TopicState::Missing {
            let (topic, cluster) = (seen.topic.clone(), cluster_id.to_owned());
            let error = connector::Error::TopicMissing { topic, side: "sink", cluster };
            problems.error(Side::Sink, error.code(), &error);
        }
        return seen;
    };
    seen.partitions = found.partitions.len();
    seen.replicas = found.partitions.iter().map(|p| p.replicas.len()).min();
    if seen.partitions < seen.needs_partitions {
        let error = connector::Error::SinkPartitions {
            topic: seen.topic.clone(),
            source_topic: seen.source_topic.clone(),
            has: seen.partitions,
            needs: seen.needs_partitions,
        };
        problems.error(Side::Sink, error.code(), &error);
    }
    check_settings(&seen, source, problems);
    check_durability(&seen, problems);
    seen
}

/// R16: settings that would change or refuse records.
fn check_settings(seen: &DestinationSeen, source: &TopicSeen, problems: &mut Problems) {
    let topic = &seen.topic;
    let get = |name: &str| seen.settings.get(name).map(String::as_str);
    if let Some(value) = get("message.timestamp.type").filter(|v| *v != "CreateTime") {
        let error = connector::Error::SinkTopicConfig {
            topic: topic.clone(),
            setting: "message.timestamp.type",
            value: value.to_owned(),
            needs: "CreateTime, else the broker replaces every timestamp".to_owned(),
        };
        problems.error(Side::Sink, error.code(), &error);
    }
    let mut warn = |setting: &str, value: &str, what: String, remedy: String| {
        let text = format!("sink topic {topic}: {setting}={value}: {what}");
        problems.warns(Side::Sink, Code::SinkTopicConfig, text, remedy);
    };
    for setting in ["message.timestamp.before.max.ms", "message.timestamp.after.max.ms"] {
        // The default of the second one is an hour: records from the future are rare, and named when they come.
        if let Some(value) = get(setting).filter(|v| *v != UNLIMITED)
            && !(setting.contains("after") && value == "3600000")
        {
            let what = "records with a timestamp farther from now are refused".to_owned();
            warn(setting, value, what, format!("Set {setting}={UNLIMITED} on the topic."));
        }
    }
    let bytes = |value: &str| value.parse::<u64>().ok();
    if let (Some(value), Some(needs)) = (get("max.message.bytes"), source.max_message_bytes)
        && bytes(value).is_some_and(|has| has < needs)
    {
        let what =
            format!("the source takes up to {needs}; larger batches are split, a larger record is refused");
        warn("max.message.bytes", value, what, format!("Set max.message.bytes={needs} on the topic."));
    }
    if let Some(value) = get("compression.type").filter(|v| *v != "producer") {
        let what = "the broker compresses every batch again".to_owned();
        warn("compression.type", value, what, "Set compression.type=producer on the topic.".to_owned());
    }
    let keeps = Retention::of(&seen.settings);
    if let Some(value) = get("cleanup.policy").filter(|_| keeps.compacts() && !source.retention.compacts()) {
        let what = "records without a key are refused, and older values of a key are removed".to_owned();
        warn("cleanup.policy", value, what, "Set cleanup.policy=delete on the topic.".to_owned());
    }
    for (setting, value, source_keeps) in keeps.shorter_than(&source.retention) {
        let what = format!(
            "the source keeps {source_keeps}; delivered records carry the source's times, and the sink deletes those \
             beyond its own limit"
        );
        let remedy =
            format!("Set {setting} on the topic as the source has it, or accept that the sink keeps less.");
        warn(setting, &value.to_string(), what, remedy);
    }
}

/// Settings with which the cluster may lose what it acknowledged.
fn check_durability(seen: &DestinationSeen, problems: &mut Problems) {
    let topic = &seen.topic;
    let mut warn = |what: String, remedy: &str| {
        problems.warns(Side::Sink, Code::SinkWentBack, format!("sink topic {topic}: {what}"), remedy);
    };
    let get = |name: &str| seen.settings.get(name).map(String::as_str);
    match seen.replicas {
        Some(copies) if copies < SAFE_COPIES => warn(
            format!("{copies} of {SAFE_COPIES} copies: a broken disk can lose committed records"),
            "Give the topic a replication factor of 3.",
        ),
        Some(_) if get("min.insync.replicas") == Some("1") => warn(
            "min.insync.replicas=1: one copy is enough to acknowledge a record".to_owned(),
            "Set min.insync.replicas=2 on the topic.",
        ),
        _ => {}
    }
    if get("unclean.leader.election.enable") == Some("true") {
        warn(
            "unclean.leader.election.enable=true: a stale copy may become the truth".to_owned(),
            "Set unclean.leader.election.enable=false on the topic.",
        );
    }
}
