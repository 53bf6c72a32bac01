//! Destination topics: there or to be made, and whether they take what the source holds.

use std::collections::BTreeMap;

use serde::Serialize;
use velostream_connector_kafka as connector;
use velostream_connector_kafka::client::MetadataTopic;
use velostream_connector_kafka::{Concern, DestinationSettings};
use velostream_core::Code;

use super::cluster::Settings;
use super::kafka_source::TopicSeen;
use super::problem::{Problems, Side};
use crate::config::KafkaSink;

/// Settings to ask brokers for that decide whether the cluster may lose what it acknowledged.
const DURABILITY: [&str; 2] = ["min.insync.replicas", "unclean.leader.election.enable"];

/// Settings of a destination to ask its brokers for.
pub(super) fn keys() -> Vec<&'static str> {
    [&DestinationSettings::KEYS[..], &DURABILITY].concat()
}

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
    let settings = DestinationSettings::of(topic, &seen.settings);
    if let Err(error) = settings.check() {
        problems.error(Side::Sink, error.code(), &error);
    }
    for Concern { setting, value, what, remedy, .. } in
        settings.concerns(source.max_message_bytes, &source.retention)
    {
        let text = format!("sink topic {topic}: {setting}={value}: {what}");
        problems.warns(Side::Sink, Code::SinkTopicConfig, text, remedy);
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
